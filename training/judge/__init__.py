"""The lip-sync judge and the lip-sync tables."""

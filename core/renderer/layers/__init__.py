"""The layers of a portrait: the person, and the background that is completed behind the person."""

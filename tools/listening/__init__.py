"""A blind test of talking heads with people: films under names that say nothing, a page that asks, the answers."""

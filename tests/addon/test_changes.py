"""Reactions to changed properties: each has a handler while the add-on is registered, and none afterwards."""

from soliloquy.addon.properties import scene as properties
from soliloquy.addon.properties import style as properties_style
from soliloquy.addon.properties import targets as properties_targets
from soliloquy.addon.properties.changes import Change
from soliloquy.addon.scene import reactions

CHANGES = [
    one
    for module in (properties, properties_style, properties_targets)
    for one in vars(module).values()
    if isinstance(one, Change)
]


def test_every_change_has_somebody_who_acts_on_it(scene):
    assert len(CHANGES) == 7 and all(change.handler for change in CHANGES)


def test_nobody_acts_after_the_addon_was_disabled(scene):
    take = scene.soliloquy.takes.add()
    heard = []
    try:
        properties.TAKE_RENAMED.handler = lambda renamed: heard.append(renamed.name)
        take.name = "First"
        reactions.unregister()
        assert not any(change.handler for change in CHANGES)
        take.name = "Second"
    finally:
        reactions.register()
    assert heard == ["First"] and take.name == "Second"

"""Every text of the interface is in every catalogue, and translations name the same things as the English text."""

import ast
import inspect
import string
from pathlib import Path

import bpy
import pytest
from soliloquy import addon
from soliloquy.addon import compat, translations, words
from soliloquy.core.wire import notices, workload

FOLDER = Path(addon.__file__).parent
SPOKEN = {"text", "heading", "placeholder"}
"""Arguments of a layout's functions whose text Blender itself translates."""
TOLD = {
    "report": 1,
    "tell": 0,
    "draw_text": 1,
    "poll_by": 1,
    "poll_message_set": 0,
    "BadInputError": 1,
    "SoliloquyError": 1,
    "Finding": 1,
}
"""Functions whose text must have gone through `say`, and the number of arguments before that text."""
SPEAKS_TOO = FOLDER.parent / "core" / "batch"
"""A folder of the worker's side whose sentences the add-on shows."""
COMMAND_LINE = (FOLDER / "commands", SPEAKS_TOO / "command.py", SPEAKS_TOO / "reports.py")
"""Files and folders that write to a terminal, in English."""
_BLENDERS = "Unique name used in the code and scripting"
"""Beginning of the description that Blender itself gives to properties called ``name``."""
CATALOGUES = translations.catalogues()


def sources():
    """(path, syntax tree) of modules whose texts the add-on shows, without the command line, which writes English."""
    assert all(path.exists() for path in COMMAND_LINE), "COMMAND_LINE names a file that doesn't exist"
    for path in [*sorted(FOLDER.rglob("*.py")), *sorted(SPEAKS_TOO.glob("*.py"))]:
        if not any(path == place or place in path.parents for place in COMMAND_LINE):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def called(node):
    """Name of the called function."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_word(text):
    """Whether a text contains a letter, so that it may need a translation."""
    return isinstance(text, str) and any(letter.isalpha() for letter in text)


def constants(node):
    """Texts in an expression, without those in calls, which are checked separately."""
    if isinstance(node, ast.Constant):
        return [node] if is_word(node.value) else []
    if isinstance(node, (ast.Call, ast.Set, ast.Compare, ast.Subscript)):
        return []
    return [found for child in ast.iter_child_nodes(node) for found in constants(child)]


def words_in_source():
    """English texts in the source code: {text: where}."""
    found = {}
    for path, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            said = node.args[:1] if called(node) in {"say", "later"} else []
            said += node.args[1:3] if called(node) == "say_count" else []
            said = said + [word.value for word in node.keywords if word.arg in SPOKEN]
            for text in (text for part in said for text in constants(part)):
                found.setdefault(text.value, f"{path.name}:{text.lineno}")
    return found


def words_in_blender():
    """Labels, tooltips and items of everything that is registered: {text: where}."""
    found = {}

    def note(text, where):
        if is_word(text):
            found.setdefault(text, where)

    for cls in classes():
        if issubclass(cls, (bpy.types.Operator, bpy.types.Panel, bpy.types.Menu)):
            note(LABELS[cls], cls.__name__)
        if issubclass(cls, bpy.types.Operator):
            note(tooltip(cls), cls.__name__)
        for prop in rna_of(cls).properties:
            if prop.identifier not in own(cls) or prop.is_hidden or prop.description.startswith(_BLENDERS):
                continue
            place = f"{cls.__name__}.{prop.identifier}"
            for text in (prop.name if prop.name != prop.identifier else "", prop.description):
                note(text, place)
            for item in getattr(prop, "enum_items", ()):
                note(item.name, place)
                note(item.description, place)
    for kind in (compat.STRIP_TYPE, bpy.types.Scene, bpy.types.WindowManager):
        for prop in kind.bl_rna.properties:
            if prop.identifier.startswith("soliloquy") and prop.description:
                note(prop.name, prop.identifier)
                note(prop.description, prop.identifier)
    return found


def classes():
    """All registered classes."""
    return [cls for module in addon._WITH_CLASSES for cls in module.CLASSES]


LABELS = {cls: getattr(cls, "bl_label", "") for cls in classes()}
"""Labels as the classes define them: Blender replaces the label of a panel of presets by the chosen preset's name."""


def rna_of(cls):
    """Blender's type information of a class; that of an operator is found through the operator."""
    if not issubclass(cls, bpy.types.Operator):
        return cls.bl_rna
    module, _, name = cls.bl_idname.partition(".")
    return getattr(getattr(bpy.ops, module), name).get_rna_type()


def tooltip(operator):
    """An operator's tooltip: its description, or else the docstring of its class."""
    return getattr(operator, "bl_description", "") or inspect.getdoc(operator) or ""


def own(cls):
    """Names of the properties that a class and our bases of it declare."""
    return {name for base in cls.__mro__ if base.__module__.startswith("soliloquy") for name in base.__annotations__}


@pytest.fixture
def every_word(scene):
    """All texts of the interface."""
    stages = dict.fromkeys(workload.STAGES.values(), "core/wire/workload.py")
    sentences = dict.fromkeys(notices.ABOUT_SOUND, "core/wire/notices.py")
    return words_in_source() | words_in_blender() | stages | sentences


def test_a_catalogue_is_there():
    assert "de" in CATALOGUES


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_word_is_in_the_catalogue(every_word, language):
    missing = {text: where for text, where in every_word.items() if text not in CATALOGUES[language]}
    assert not missing, "\n".join(f"{where}: {text!r}" for text, where in missing.items())


@pytest.mark.parametrize("language", CATALOGUES)
def test_nothing_else_is_in_the_catalogue(every_word, language):
    left = set(CATALOGUES[language]) - set(every_word)
    assert not left, sorted(left)


@pytest.mark.parametrize("language", CATALOGUES)
def test_translations_name_what_the_sentence_names(language):
    for english, word in CATALOGUES[language].items():
        assert word.strip(), english
        assert fields(word) == fields(english), (english, word)
        assert english.endswith(".") == word.endswith("."), (english, word)


def fields(text):
    """``{names}`` in a sentence with their formats; braces around anything else are plain braces."""
    return sorted((name, spec) for _, name, spec, _ in string.Formatter().parse(text) if (name or "").isidentifier())


def told(tree):
    """Expressions whose text is shown to the user: arguments of functions in ``TOLD``, and what they come from.

    An argument may be a name that the same function assigned, or the result of a function of the same file. What is
    assigned or returned there is then told as well.
    """
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    handed_on = set()
    for scope in (tree, *functions.values()):
        calls = [node for node in ast.walk(scope) if isinstance(node, ast.Call) and called(node) in TOLD]
        parts = [
            part
            for call in calls
            for part in (*call.args[TOLD[called(call)] :], *(word.value for word in call.keywords))
            if called(call) != "draw_text" or part is call.args[1]
        ]
        yield from parts
        names = {node.id for part in parts for node in ast.walk(part) if isinstance(node, ast.Name)}
        assigned = [
            node.value
            for node in ast.walk(scope)
            if isinstance(node, (ast.Assign, ast.AugAssign))
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if scope is not tree and names & {name.id for name in ast.walk(target) if isinstance(name, ast.Name)}
        ]
        yield from assigned
        results = [node for part in parts + assigned for node in ast.walk(part) if isinstance(node, ast.Call)]
        handed_on |= {called(node) for node in results if isinstance(node.func, ast.Name)} & set(functions)
    for name in handed_on:
        yield from (node.value for node in ast.walk(functions[name]) if isinstance(node, ast.Return) and node.value)


def raw_words(tree):
    """English text that reaches the user without a translation: {line: text}."""
    found = {
        text.lineno: text.value for part in told(tree) for text in constants(part) if " " in text.value.strip(" .,:")
    }
    for node in ast.walk(tree):
        for word in node.keywords if isinstance(node, ast.Call) else ():
            pieces = word.value.values if word.arg in SPOKEN and isinstance(word.value, ast.JoinedStr) else ()
            if any(isinstance(piece, ast.Constant) and is_word(piece.value) for piece in pieces):
                found[word.value.lineno] = ast.unparse(word.value)
    return found


def test_what_is_told_has_been_looked_up():
    raw = []
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called(node) == "say":
                assert isinstance(node.args[0], (ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.Name)), path
        raw += [f"{path.name}:{line}: {words!r}" for line, words in raw_words(tree).items()]
    assert not raw, "\n".join(raw)


@pytest.mark.parametrize(
    "source",
    [
        'Finding(BAD, say("Worker"), "it is not there")',
        'Finding(BAD, title, text, fix="Install it again.")',
        'def look():\n    fix = "Install it again." if low else ""\n    return Finding(BAD, title, text, fix)',
        'def mend():\n    return "Install again.", "button"\ndef look():\n    return Finding(BAD, title, "", *mend())',
        'def mend():\n    return "Install it again."\ndef look():\n    fix = mend()\n    tell(fix)',
        'def look():\n    text = say("a")\n    text += ". A GPU is faster"\n    tell(text)',
        'def look():\n    raise BadInputError("code", f"{name} is not there.")',
    ],
)
def test_words_that_were_not_looked_up_are_seen(source):
    assert raw_words(ast.parse(source))


def test_every_sentence_in_the_source_is_in_the_interface(every_word):
    """Every text that reads as a sentence is in the catalogues, whatever way it takes to the user."""
    for path, tree in sources():
        inside = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                sentence = node.value[:1].isupper() and " " in node.value and node.value.endswith(".")
                assert not sentence or node.value in every_word, f"{path.name}:{node.lineno}: {node.value!r}"


def test_catalogues_are_sorted():
    for language, catalogue in CATALOGUES.items():
        assert list(catalogue) == sorted(catalogue), language


def test_every_tooltip_is_there(scene):
    for cls in classes():
        if issubclass(cls, bpy.types.Operator):
            assert len(tooltip(cls)) > 10 and not tooltip(cls).endswith("."), (cls.__name__, tooltip(cls))


def test_sentences_are_looked_up_and_filled_in(monkeypatch):
    """The wheels have no languages, so a dictionary replaces Blender's translations."""

    class German:
        @staticmethod
        def pgettext_iface(text):
            return CATALOGUES["de"].get(text, text)

    app = type("App", (), {"translations": German})
    monkeypatch.setattr(words, "bpy", type("Blender", (), {"app": app}))
    assert words.say("Takes found: {count}", count=3) == "Gefundene Takes: 3"
    assert words.say("no such words") == "no such words"

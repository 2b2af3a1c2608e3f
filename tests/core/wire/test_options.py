"""Options that are made from a request's fields: all of them, some of them, required or not."""

import pytest

from core.errors import BadInputError
from core.wire.options import Parser, add_options, nested
from core.wire.protocol import Generate


def parse(*arguments, **settings):
    parser = Parser(prog="speak")
    add_options(parser, Generate, **settings)
    return vars(parser.parse_args(arguments))


def test_fields_without_a_default_are_required():
    with pytest.raises(BadInputError, match="--audio, --portrait, --out") as raised:
        parse("--takes", "2")
    assert raised.value.code == "bad_setting" and "speak --help" in str(raised.value)


def test_options_have_the_fields_types_and_nested_messages_their_own_names():
    options = parse(
        "--audio", "a", "--portrait", "p", "--out", "o", "--steps", "5", "--loop", "--start-pose", "0", "1", "2"
    )
    assert options["num_inference_steps"] == 5 and options["style.loop"] is True
    assert options["style.start_pose"] == [0.0, 1.0, 2.0] and options["takes"] is None
    assert nested({"takes": 1, "style.loop": True, "style.start_pose": [0.0]}) == {
        "takes": 1,
        "style": {"loop": True, "start_pose": [0.0]},
    }


def test_an_option_may_be_a_number_or_a_word():
    for given, wanted in (("640", 640), (" 640 ", 640), ("photograph", "photograph"), ("6.5", "6.5"), ("", "")):
        assert parse(f"--picture={given}", only=("picture",))["picture"] == wanted
    parser = Parser(prog="speak")
    add_options(parser, Generate, only=("picture",))
    told = " ".join(parser.format_help().split())
    assert "--picture photograph|fit|N" in told and "Choices: photograph, fit, 64 to 2160." in told


def test_with_another_source_of_values_nothing_is_required():
    options = parse(
        "--size", "256", "--no-motion-only", only=("audio", "size", "motion_only"), otherwise="as in the file"
    )
    assert options == {"audio": None, "size": 256, "motion_only": False}


def test_help_names_what_holds_without_the_option():
    parser = Parser(prog="speak")
    add_options(parser, Generate, only=("size",), otherwise="as in the file")
    told = " ".join(parser.format_help().split())
    assert "Default: as in the file." in told and "512" not in told


def test_help_of_a_transcript_says_that_a_file_will_do():
    parser = Parser(prog="speak")
    add_options(parser, Generate, only=("transcript", "seed"))
    told = " ".join(parser.format_help().split())
    assert "--transcript FILE|TEXT" in told and "a text file (.txt)" in told and "Default: ." not in told


@pytest.mark.parametrize("wrong", [("--takes", "many"), ("--colour", "red"), ("--seed",)])
def test_a_wrong_option_is_bad_input(wrong):
    with pytest.raises(BadInputError):
        parse(*wrong, only=("takes", "seed"), otherwise="as in the file")

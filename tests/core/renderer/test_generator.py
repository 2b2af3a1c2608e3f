"""G: shapes, modulation, the start of training at the warp, and frames that don't influence each other."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F

from core.errors import SoliloquyError
from core.head.head_model import PARTS, HeadModel
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.renderer import Renderer
from core.renderer.fields import pixel_grid
from core.renderer.generator import Correction, Generator, GeneratorConfig, refine
from core.renderer.generator.conditions import CHANNELS, GROUPS, conditions, half_flow, paintable
from core.renderer.generator.finish import DETAIL_GAIN, with_detail, without_cooling, without_stripes
from core.renderer.generator.layers import EPSILON, GAIN, Mapping, ModulatedConv, activate, soften
from core.renderer.generator.refine import MARGIN, STEP, Painter, window_of
from core.renderer.generator.style import identity_of, style_of
from core.renderer.generator.weights import load_generator, save_generator
from core.representation.model import Representation, RepresentationConfig

TINY = GeneratorConfig.tiny()


def frame_inputs(batch: int, side: int = TINY.side, seed: int = 0) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.rand(shape, generator=random)  # noqa: E731
    half = side // 2
    return [draw(batch, 3, side, side), draw(batch, CHANNELS, half, half), draw(batch, 2, half, half) * side,
            draw(batch, 1, side, side), draw(batch, sum(TINY.style)) - 0.5]  # fmt: skip


def learned(network: torch.nn.Module, seed: int = 1, amount: float = 0.05) -> torch.nn.Module:
    """The network with random values added to all weights, as if after some training."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(amount * torch.randn(parameter.shape, generator=random))
    return network.eval()


@pytest.mark.parametrize("side", [9, 4])  # larger and smaller than the weights
@pytest.mark.parametrize("settle", [False, True])
def test_modulated_convolution_is_equal_to_explicit_weights(side, settle):
    """StyleGAN2's own formula: scale and normalise the weights for each sample, then one convolution per sample."""
    torch.manual_seed(0)
    layer = ModulatedConv(5, 7, 4)
    with torch.no_grad():
        layer.affine.weight.normal_()
        layer.bias.normal_()
    if settle:
        layer.settle(torch.float32)
    x, w = torch.randn(3, 5, side, 8), torch.randn(3, 4)
    rows = []
    for k in range(3):
        weight = layer.weight * layer.affine(w[k])[None, :, None, None]
        weight = GAIN * weight / (weight.square().sum((1, 2, 3), keepdim=True) + EPSILON).sqrt()
        rows.append(activate(F.conv2d(x[k : k + 1], weight, layer.bias, padding=1)))
    torch.testing.assert_close(layer(x, w), torch.cat(rows), rtol=1e-4, atol=1e-5)
    one_by_one = torch.cat([layer(x[k : k + 1], w[k : k + 1]) for k in range(3)])
    torch.testing.assert_close(one_by_one, torch.cat(rows), rtol=1e-4, atol=1e-5)


def test_demodulation_makes_unit_variance_for_any_style():
    torch.manual_seed(0)
    layer = ModulatedConv(64, 64, 4)
    x = torch.randn(2, 64, 24, 24)
    y = layer(x, torch.randn(2, 4) * 5)[..., 1:-1, 1:-1]
    assert y.square().mean((1, 2, 3)).sub(1).abs().max() < 0.25


def test_softening_keeps_flat_areas_and_removes_hatching():
    flat, hatched = torch.full((1, 1, 8, 8), 0.3), torch.tensor([1.0, -1.0]).repeat(4).expand(1, 1, 8, 8)
    torch.testing.assert_close(soften(flat), flat)
    assert soften(hatched)[..., 1:-1].abs().max() < 1e-6
    spot = torch.zeros(1, 1, 5, 5)
    spot[..., 2, 2] = 16
    assert soften(spot)[0, 0, 1:4, 1:4].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


def test_mapping_gives_all_parts_the_same_weight():
    """A part with values a hundred times as large has no more influence."""
    torch.manual_seed(0)
    mapping = Mapping((4, 3), 8)
    style = torch.randn(2, 7)
    louder = torch.cat([style[:, :4] * 100, style[:, 4:]], 1)
    torch.testing.assert_close(mapping(style), mapping(louder), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(mapping(style)[0], mapping(style)[1])


def test_training_begins_at_the_warp():
    network, inputs = Generator(TINY), frame_inputs(2)
    correction = network(torch.rand(2, 3, TINY.side, TINY.side), *inputs)
    assert correction.change.shape == (2, 3, TINY.side, TINY.side)
    torch.testing.assert_close(correction.share, inputs[3] * (1 - TINY.kept))
    torch.testing.assert_close(correction.apply(inputs[0]), inputs[0], rtol=0, atol=1e-6)


def test_the_picture_changes_only_where_it_may_be_painted():
    network, inputs = learned(Generator(TINY)), frame_inputs(1)
    inputs[3] = torch.zeros_like(inputs[3])
    inputs[3][..., 20:40, 20:40] = 1
    made = network(inputs[0], *inputs).apply(inputs[0])
    changed = (made - inputs[0]).abs().amax(1)[0] > 1e-5
    assert changed[20:40, 20:40].any()
    changed[20:40, 20:40] = False
    assert not changed.any()


def test_source_features_are_sampled_where_the_flow_points():
    """Moving the source and the flow together by one pixel of the coarsest map changes nothing."""
    network, inputs = learned(Generator(TINY)), frame_inputs(1)
    inputs[2] = torch.rand(1, 2, 1, 1).expand(-1, -1, 32, 32) * 8 + 28
    source = torch.rand(1, 3, TINY.side, TINY.side)
    moved = torch.roll(source, 8, 3)
    first = network(source, *inputs).change
    inputs[2] = inputs[2] + torch.tensor([8.0, 0.0])[None, :, None, None]
    torch.testing.assert_close(network(moved, *inputs).change, first, rtol=1e-3, atol=1e-3)


def test_a_larger_frame_gets_the_same_correction_and_keeps_its_detail():
    side, size = 16, 32
    zero = torch.zeros(1, 2, side, side)
    correction = Correction(zero, torch.full((1, 1, side, side), 0.5), torch.full((1, 3, side, side), 0.2))
    warped = torch.rand(1, 3, size, size)
    torch.testing.assert_close(correction.apply(warped), warped + 0.1, rtol=0, atol=1e-5)
    shifted = Correction(zero + torch.tensor([1.0, 0.0])[:, None, None], correction.share * 0, correction.change)
    torch.testing.assert_close(shifted.apply(warped)[..., 4:-4], warped[..., 6:-2], rtol=0, atol=1e-5)


def test_conditions_hold_each_fact_at_its_place():
    size = 16
    parts = torch.full((1, size, size), -1)
    parts[:, 4:8, 4:8] = PARTS.index("lips")
    parts[:, 4, 4] = PARTS.index("teeth_upper")
    normals = torch.zeros(1, 3, size, size)
    normals[:, 2] = 1
    grid = pixel_grid(size, size)[None]
    flat = torch.full((1, 1, size, size), 0.25)
    found = conditions(flat, flat * 2, flat * 0, half_flow(grid + 1.0), parts, normals)
    assert found.shape == (1, CHANNELS, size // 2, size // 2)
    assert (found[:, 0] == 0.25).all() and (found[:, 1] == 0.5).all()
    lips, teeth = (6 + next(k for k, names in enumerate(GROUPS) if name in names) for name in ("lips", "teeth_upper"))
    assert found[0, lips, 2, 2] == 0.75 and found[0, teeth, 2, 2] == 0.25 and found[0, lips, 3, 3] == 1
    assert found[0, 3:6, 0, 0].abs().sum() == 0 and found[0, 5, 3, 3] == 1
    torch.testing.assert_close(found[:, -2:], torch.full((1, 2, 8, 8), 1.0))  # the unit is one of sixteen pixels


def test_background_and_still_areas_may_not_be_painted():
    alpha = torch.zeros(1, 1, 256, 256)
    alpha[..., 100:160, 100:160] = 1
    nothing = torch.full((1, 256, 256), -1)
    allowed = paintable(alpha, torch.ones(1, 2, 128, 128), nothing)
    assert (allowed[..., 100:160, 100:160] == 1).all()
    still = paintable(alpha, torch.full((1, 2, 128, 128), 0.05), nothing)
    assert (still == 0).all()
    nothing[:, 130:132, 120:140] = PARTS.index("lips")
    mouth = paintable(alpha, torch.zeros(1, 2, 128, 128), nothing)
    assert (mouth[..., 130:132, 120:140] == 1).all() and (mouth[..., 100:115, :] == 0).all()
    nothing[:, 120:140, 115:145] = PARTS.index("mouth_socket")
    open_mouth = paintable(alpha, torch.ones(1, 2, 128, 128), nothing)[0, 0]
    assert (open_mouth[122:138, 118:142] < 0.1).all() and (open_mouth[100:104, 100:160] == 1).all()
    nothing[:, 122:140] = -1
    slit = paintable(alpha, torch.ones(1, 2, 128, 128), nothing)[0, 0]
    assert (slit[120:122, 115:145] > 0.9).all()
    outside = torch.ones_like(alpha, dtype=torch.bool)
    outside[..., 88:172, 88:172] = False
    assert (allowed[outside] == 0).all()


def test_detail_is_added_only_where_skin_moves():
    parts = torch.full((1, 256, 256), PARTS.index("skin"))
    parts[:, 120:136, 120:136] = PARTS.index("lips")
    paint, picture = torch.ones(1, 1, 256, 256), 0.4 + 0.2 * torch.rand(1, 3, 512, 512)
    paint[..., :40] = 0
    still, far = torch.full((1, 2, 128, 128), 0.5), torch.full((1, 2, 128, 128), 5.0)
    torch.testing.assert_close(with_detail(picture, paint, still, parts), picture, rtol=0, atol=0)
    made = with_detail(picture, paint, far, parts)
    for same in ((slice(None), slice(0, 78)), (slice(240, 272), slice(240, 272))):  # background, lips
        torch.testing.assert_close(made[..., same[0], same[1]], picture[..., same[0], same[1]], rtol=0, atol=0)
    skin = (..., slice(300, 500), slice(100, 500))
    assert 1.0 + DETAIL_GAIN / 3 < float(made[skin].std() / picture[skin].std()) < 1.0 + DETAIL_GAIN
    flat = torch.full_like(picture, 0.5)
    torch.testing.assert_close(with_detail(flat, paint, far, parts)[skin], flat[skin], rtol=0, atol=1e-6)


def test_skin_may_get_warmer_and_darker_but_not_bluer():
    parts = torch.full((1, 8, 8), PARTS.index("skin"))
    parts[:, 4:] = PARTS.index("eye_left")
    change = torch.tensor([-0.3, -0.2, 0.1])[:, None, None].expand(1, 3, 8, 8)
    nothing = torch.zeros(1, 1, 8, 8)
    cooler = without_cooling(Correction(torch.zeros(1, 2, 8, 8), nothing, change), parts).change
    torch.testing.assert_close(cooler[0, :, 0, 0], torch.tensor([-0.1, -0.2, -0.1]))
    torch.testing.assert_close(cooler[:, :, 4:], change[:, :, 4:])
    warmer = Correction(torch.zeros(1, 2, 8, 8), nothing, change.flip(1))
    torch.testing.assert_close(without_cooling(warmer, parts).change, change.flip(1))


def test_stripes_are_removed_only_where_the_photograph_is_stretched():
    stripes = torch.tensor([-0.1, 0.1]).repeat(16).expand(1, 3, 32, 32)
    slow = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)
    stretch = torch.zeros(1, 1, 32, 32)
    stretch[..., :16, :] = 1
    made = without_stripes(Correction(torch.zeros(1, 2, 32, 32), slow, stripes), stretch)
    assert made.change[..., :15, :].abs().max() < 1e-6
    smooth = without_stripes(Correction(torch.zeros(1, 2, 32, 32), slow, slow.expand(1, 3, 32, 32)), stretch).change
    torch.testing.assert_close(smooth[..., 4:-4], slow[..., 4:-4].expand(1, 3, 32, 24))
    torch.testing.assert_close(made.change[..., 16:, :], stripes[..., 16:, :], rtol=0, atol=0)


def test_half_the_digits_draw_the_same(tmp_path):
    torch.manual_seed(0)
    network = learned(Generator(TINY))
    path = tmp_path / "g.safetensors"
    save_generator(path, network)
    source, inputs = torch.rand(2, 3, TINY.side, TINY.side), frame_inputs(2)

    def drawn(dtype: torch.dtype) -> torch.Tensor:
        return load_generator(path, dtype=dtype)(source, *inputs).apply(inputs[0]) - inputs[0]

    exact = drawn(torch.float32)
    assert exact.square().mean() > 1e-4
    assert (drawn(torch.bfloat16) - exact).square().mean() < 1e-3 * exact.square().mean()


def test_weights_come_back_from_disk(tmp_path):
    network = Generator(TINY)
    path = tmp_path / "g.safetensors"
    save_generator(path, learned(network))
    again = load_generator(path)
    assert again.config == network.config
    for name, value in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value.half().float(), rtol=0, atol=0)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SoliloquyError, match="can't be used"):
        load_generator(path)
    with pytest.raises(SoliloquyError, match="missing"):
        load_generator(tmp_path / "other.safetensors")


# In the renderer -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def painter() -> Painter:
    """Untrained networks of tiny width that work at the real size and do change the picture."""
    torch.manual_seed(3)
    config = GeneratorConfig(widths=TINY.widths, source_widths=TINY.source_widths, mapped=TINY.mapped)
    generator = learned(Generator(config), amount=0.01).requires_grad_(False)
    assert isinstance(generator, Generator)
    return Painter(generator, Representation(RepresentationConfig.tiny()).eval().requires_grad_(False))


@pytest.fixture(scope="module")
def portrait():
    return fit_portrait(skimage.data.astronaut())


@pytest.fixture(scope="module")
def renderer(painter, portrait) -> Renderer:
    return Renderer(HeadModel.load(), portrait, 256, framing="crop", painter=painter)


def some_motion() -> Motion:
    rng = np.random.default_rng(5)
    expression = rng.uniform(0, 0.3, (4, 53)).astype(np.float32)
    return Motion(expression, rng.normal(0, 0.06, (4, 3)).astype(np.float32), np.zeros((4, 3), np.float32), 25.0)


def test_a_frame_depends_only_on_its_own_motion(renderer, painter, portrait):
    """It doesn't depend on the batch, on the frames around it, or on the run."""
    motion = some_motion()
    first = [frame.tobytes() for frame in renderer.render(motion, batch=4)]
    assert [frame.tobytes() for frame in renderer.render(motion, batch=3)] == first
    assert [frame.tobytes() for frame in renderer.render(motion.slice(2, 4))] == first[2:]
    again = Renderer(HeadModel.load(), portrait, 256, framing="crop", painter=painter)
    assert [frame.tobytes() for frame in again.render(motion)] == first


def test_g_changes_the_warp_but_not_the_background(renderer, portrait):
    motion = some_motion()
    plain = Renderer(HeadModel.load(), portrait, 256, framing="crop", painter=None)
    warped, made = (np.stack(list(r.render(motion))).astype(int) for r in (plain, renderer))
    assert np.abs(warped - made).max() > 4
    channels = torch.from_numpy(motion.channels())
    frames = renderer.warp(channels[:, :53], channels[:, 53:56], channels[:, 56:])
    parts, _ = renderer.surfaces(frames.heads)
    untouched = (paintable(frames.alpha, half_flow(frames.flow.positions), parts) == 0)[:, 0].numpy()
    assert untouched.mean() > 0.1
    assert (warped[untouched] == made[untouched]).all()


@pytest.mark.parametrize(("rows", "columns"), [((70, 100), (90, 91)), ((0, 256), (3, 250)), ((0, 0), (0, 0))])
def test_a_window_holds_all_that_may_be_painted(rows, columns):
    paint = torch.zeros(256, 256)
    paint[slice(*rows), slice(*columns)] = 0.5
    for window, (first, end) in zip(window_of(paint), (rows, columns), strict=True):
        assert window.start % STEP == 0 == window.stop % STEP
        assert window.start <= max(first - MARGIN, 0) and min(end + MARGIN, 256) <= window.stop <= 256
        assert window.stop - window.start < end - first + 2 * (MARGIN + STEP)


def test_in_its_window_the_shipped_g_paints_nearly_what_it_does_in_the_square(portrait, monkeypatch):
    shipped = Renderer(HeadModel.load(), portrait, 256, framing="crop")
    motion = some_motion()
    made = np.stack(list(shipped.render(motion))).astype(int)
    monkeypatch.setattr(refine, "window_of", lambda paint: (slice(0, len(paint)), slice(0, len(paint))))
    apart = np.abs(made - np.stack(list(shipped.render(motion))))
    assert apart.max() <= 8 and apart.mean() < 0.02


def test_a_larger_square_is_corrected_at_the_same_places(renderer, painter, portrait):
    channels = torch.from_numpy(some_motion().channels()[:1])
    large = Renderer(HeadModel.load(), portrait, 512, framing="crop", painter=painter)
    changes = []
    for each in (renderer, large):
        frames = each.warp(channels[:, :53], channels[:, 53:56], channels[:, 56:])
        change = each.refine(frames, channels) - frames.picture
        changes.append(F.avg_pool2d(change, each.size // 256))
    small, halved = changes
    assert small.abs().mean() > 0.002
    assert (small - halved).abs().mean() < 0.5 * small.abs().mean()
    together = torch.corrcoef(torch.stack([small.flatten(), halved.flatten()]))[0, 1]
    assert together > 0.8


def test_styles_tell_people_and_motions_apart(painter, portrait):
    picture = skimage.data.astronaut()
    identity = identity_of(painter.styles, picture, portrait.landmarks, torch.device("cpu"))
    other = identity_of(painter.styles, 255 - picture, portrait.landmarks, torch.device("cpu"))
    assert not torch.allclose(identity, other)
    channels = torch.zeros(2, 59)
    channels[1, :53] = 0.5
    style = style_of(painter.styles, identity, channels)
    assert style.shape == (2, sum(GeneratorConfig().style))
    torch.testing.assert_close(style[0, :128], style[1, :128])
    assert not torch.allclose(style[0, 128:], style[1, 128:])

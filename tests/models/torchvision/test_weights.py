"""Weights: fetched once over a real loopback server, checked, and fitted to models of other classes."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d

from contorno.errors import WeightsError
from contorno.models.torchvision import mask_rcnn, weights
from contorno.models.torchvision.backbones import resnet18_fpn


@dataclass
class Server:
    """Files by path, and the paths that were asked for. A path in `cut` is sent half, with its full length stated."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            body = state.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.path in state.cut else body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        state.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            listening.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path) -> Iterator[Path]:
    """torch's cache in an empty folder."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "hub"))
    yield tmp_path / "hub" / "checkpoints"
    torch.hub.set_dir(before)


def saved(state_dict: dict[str, Tensor]) -> bytes:
    file = io.BytesIO()
    torch.save(state_dict, file)
    return file.getvalue()


def named(body: bytes) -> str:
    return f"/small-{hashlib.sha256(body).hexdigest()[:8]}.pth"


FEW = {"rpn_post_nms_top_n_test": 30, "box_detections_per_img": 10}
SMALL = {"a.weight": torch.arange(6.0).reshape(2, 3)}


@pytest.fixture(scope="module")
def body() -> dict[str, Tensor]:
    """A ResNet-18 as torchvision publishes it, with statistics and a classifier, of fixed random values."""
    torch.manual_seed(1)
    return dict(resnet18(weights=None, num_classes=7).state_dict())


@pytest.fixture(scope="module")
def detector() -> MaskRCNN:
    """torchvision's own Mask R-CNN of 4 classes, built without contorno."""
    torch.manual_seed(2)
    backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=5)
    model = MaskRCNN(backbone, 4, min_size=64, max_size=64, box_score_thresh=0.0, **FEW)
    return model.eval()


def test_weights_are_fetched_once(server: Server, cache: Path) -> None:
    path = named(saved(SMALL))
    server.files[path] = saved(SMALL)
    first = weights.fetch(server.url + path, progress=False)
    second = weights.fetch(server.url + path, progress=False)
    assert torch.equal(first["a.weight"], SMALL["a.weight"])
    assert torch.equal(second["a.weight"], SMALL["a.weight"])
    assert server.asked == [path]
    assert [file.name for file in cache.iterdir()] == [path[1:]]


def test_fetching_shows_progress_on_stderr_only_when_asked(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    server.files = {"/a.pth": saved(SMALL), "/b.pth": saved(SMALL)}
    weights.fetch(server.url + "/a.pth", progress=False)
    assert capfd.readouterr() == ("", "")
    weights.fetch(server.url + "/b.pth")
    out, err = capfd.readouterr()
    assert out == ""
    assert "100%" in err


def test_wrong_checksum_is_refused_and_nothing_is_kept(server: Server, cache: Path) -> None:
    server.files["/small-00000000.pth"] = saved(SMALL)
    with pytest.raises(WeightsError, match=r"could not be fetched \(invalid hash value"):
        weights.fetch(server.url + "/small-00000000.pth", progress=False)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("has_checksum", [True, False], ids=["checksum-in-name", "no-checksum"])
def test_download_cut_short_is_not_kept_and_the_next_try_fetches_it(
    server: Server, cache: Path, has_checksum: bool
) -> None:
    path = named(saved(SMALL)) if has_checksum else "/small.pth"
    server.files[path] = saved(SMALL)
    server.cut.add(path)
    with pytest.raises(WeightsError):
        weights.fetch(server.url + path, progress=False)
    assert list(cache.iterdir()) == []
    server.cut.clear()
    assert torch.equal(weights.fetch(server.url + path, progress=False)["a.weight"], SMALL["a.weight"])


def test_file_damaged_in_the_cache_is_named_and_left(server: Server, cache: Path) -> None:
    path = named(saved(SMALL))
    cache.mkdir(parents=True)
    (cache / path[1:]).write_bytes(b"half")
    with pytest.raises(WeightsError, match=r"is damaged: its SHA-256 does not begin with .*delete it"):
        weights.fetch(server.url + path, progress=False)
    assert (cache / path[1:]).exists()
    assert server.asked == []


def test_missing_address_names_it_and_where_a_file_may_be_put(server: Server, cache: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        weights.fetch(server.url + "/none.pth", progress=False)
    message = str(caught.value)
    assert f"{server.url}/none.pth could not be fetched (HTTP Error 404" in message
    assert f"put the file at {cache / 'none.pth'} by hand" in message
    assert "weights=None" in message


def test_no_server_is_one_error(server: Server) -> None:
    with pytest.raises(WeightsError, match=r"could not be fetched .*refused"):
        weights.fetch("http://127.0.0.1:1/none.pth", progress=False)


def test_web_page_in_place_of_weights_is_not_kept(server: Server, cache: Path) -> None:
    server.files["/small.pth"] = b"<html>log in first</html>"
    with pytest.raises(WeightsError, match=r"is not a state dict .*it was not kept"):
        weights.fetch(server.url + "/small.pth", progress=False)
    assert list(cache.iterdir()) == []


def test_published_addresses_are_torchvisions_and_carry_a_checksum() -> None:
    for name, kind in [("resnet50", "coco"), ("resnet18", "imagenet"), ("resnet152", "imagenet")]:
        assert weights.published_url(name, kind).startswith("https://download.pytorch.org/models/")  # type: ignore[arg-type]
    assert (
        weights.cache_path(weights.published_url("resnet50", "coco")).name == "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth"
    )


def test_file_that_runs_code_is_refused(tmp_path: Path) -> None:
    torch.save({"a": Path("x")}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        weights.read(tmp_path / "a.pth")


@pytest.mark.parametrize("found", [[1, 2], {}, {"a": 1}], ids=["list", "empty", "number"])
def test_file_without_a_state_dict_is_refused(tmp_path: Path, found: object) -> None:
    torch.save(found, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="does not hold a state dict"):
        weights.read(tmp_path / "a.pth")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pth does not exist"):
        weights.read(tmp_path / "none.pth")


@pytest.mark.parametrize("key", ["model", "state_dict"])
def test_state_dict_inside_a_checkpoint_is_found(tmp_path: Path, key: str) -> None:
    torch.save({key: SMALL, "epoch": 3}, tmp_path / "a.pth")
    assert list(weights.read(tmp_path / "a.pth")) == ["a.weight"]


def test_backbone_weights_from_a_url_give_a_model_with_frozen_statistics(
    server: Server, body: dict[str, Tensor]
) -> None:
    content = saved(body)
    server.files[named(content)] = content
    model = mask_rcnn.model(resnet18_fpn(weights=server.url + named(content)), 2, progress=False)
    found = model.backbone.body.state_dict()
    assert torch.equal(found["layer4.1.conv2.weight"], body["layer4.1.conv2.weight"])
    assert torch.equal(found["bn1.running_var"], body["bn1.running_var"])
    assert not model.backbone.body.conv1.weight.requires_grad


def test_detector_weights_from_a_file_keep_all_but_the_class_layers(tmp_path: Path, detector: MaskRCNN) -> None:
    torch.save(detector.state_dict(), tmp_path / "four.pth")
    model = mask_rcnn.model(resnet18_fpn(weights=tmp_path / "four.pth"), 2)
    own, theirs = model.state_dict(), detector.state_dict()
    assert own.keys() == theirs.keys()
    differing = {
        name for name in own if own[name].shape != theirs[name].shape or not torch.equal(own[name], theirs[name])
    }
    assert differing == {
        f"roi_heads.{layer}.{part}"
        for layer in ("box_predictor.cls_score", "box_predictor.bbox_pred", "mask_predictor.mask_fcn_logits")
        for part in ("weight", "bias")
    }


def test_other_class_count_says_found_expected_and_mend(detector: MaskRCNN) -> None:
    model = mask_rcnn.model(resnet18_fpn(pretrained=False, norm="frozen"), 2)
    with pytest.raises(
        WeightsError, match=r"for 4 classes and the model has 2 .*num_classes=4, or give heads='replace'"
    ):
        weights.load_weights(model, detector.state_dict())
    report = weights.load_weights(model, detector.state_dict(), heads="replace")
    assert len(report.left_new) == 6
    assert report.loaded == len(model.state_dict()) - 6


def test_same_classes_load_whole_and_compute_the_same(detector: MaskRCNN) -> None:
    model = mask_rcnn.model(resnet18_fpn(pretrained=False, norm="frozen"), 4, box_score_thresh=0.0, **FEW)
    assert weights.load_weights(model, detector.state_dict()).left_new == ()
    image = torch.rand(3, 64, 64)
    with torch.no_grad():
        theirs = detector([image])
        ours = mask_rcnn.export_model(model, size=64)([image])
    assert torch.equal(ours[0]["boxes"], theirs[0]["boxes"])
    assert torch.equal(ours[0]["masks"], theirs[0]["masks"])


def test_epsilon_of_the_coco_weights_is_folded_into_the_scale() -> None:
    state = {
        "0.weight": torch.tensor([1.0, -2.0, 0.5]),
        "0.bias": torch.tensor([0.1, 0.2, 0.3]),
        "0.running_mean": torch.tensor([0.0, 1.0, -1.0]),
        "0.running_var": torch.tensor([1.0, 1e-5, 1e-8]),
    }
    trained, ours = nn.Sequential(FrozenBatchNorm2d(3, eps=0.0)), nn.Sequential(FrozenBatchNorm2d(3))
    trained.load_state_dict(state)
    ours.load_state_dict(state)
    image = torch.rand(1, 3, 4, 4)
    assert not torch.allclose(ours(image), trained(image), rtol=0.1)
    ours.load_state_dict(weights.fold_epsilon(state))
    torch.testing.assert_close(ours(image), trained(image))


def test_other_normalisation_is_named(detector: MaskRCNN) -> None:
    grouped = mask_rcnn.model(resnet18_fpn(pretrained=False), 4)
    with pytest.raises(WeightsError, match=r"trained with batch normalisation .* norm='frozen'"):
        weights.load_weights(grouped, detector.state_dict())
    with pytest.raises(WeightsError, match=r"trained with group normalisation .* norm='group'"):
        weights.load_weights(detector, grouped.state_dict())


def test_weights_of_group_norm_choose_group_norm_by_themselves(tmp_path: Path) -> None:
    grouped = mask_rcnn.model(resnet18_fpn(pretrained=False), 3)
    torch.save(grouped.state_dict(), tmp_path / "own.pth")
    again = mask_rcnn.model(resnet18_fpn(weights=tmp_path / "own.pth"), 3)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in grouped.state_dict().items())


def test_another_network_is_named(detector: MaskRCNN, body: dict[str, Tensor]) -> None:
    state = dict(detector.state_dict())
    state["backbone.body.conv1.weight"] = torch.zeros(32, 3, 7, 7)
    model = mask_rcnn.model(resnet18_fpn(pretrained=False, norm="frozen"), 4)
    with pytest.raises(WeightsError, match=r"another network: backbone\.body\.conv1\.weight is \(32, 3, 7, 7\)"):
        weights.load_weights(model, state, heads="replace")
    with pytest.raises(WeightsError, match=r"backbone weights are of another ResNet: conv1\.weight differs"):
        weights.load_backbone(model, body | {"conv1.weight": torch.zeros(32, 3, 7, 7)})


def test_missing_and_surplus_tensors_are_counted_and_named(detector: MaskRCNN) -> None:
    state = dict(detector.state_dict())
    state["extra.weight"] = state.pop("backbone.body.conv1.weight")
    model = mask_rcnn.model(resnet18_fpn(pretrained=False, norm="frozen"), 4)
    with pytest.raises(
        WeightsError, match=r"1 tensors are missing \(backbone\.body\.conv1\.weight\) and 1 tensors have no place"
    ):
        weights.load_weights(model, state)

"""The layer with what its users have: Hugging Face, peft, timm, ONNX, and FSDP2 on two processes."""

import math

import onnxruntime
import peft
import pytest
import timm
import torch
import transformers
import typed_use
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

from dense_networks import deviation, evaluated, graded, seeded
from sparcs import CompactNetwork, SpectralNetwork, compact_head, load_model, replace_head, save_model, spectral

pytestmark = pytest.mark.interop
READERS = ("penalty", "bundle", "compact", "active_neurons")  # methods that read parameters outside the forward pass


def opened(head, neurons=3):
    with torch.no_grad():
        head.eigenvalues[1][:neurons] = 0.5
    return head


def test_a_user_s_script_runs(capsys):
    typed_use.main()
    assert "torch.Size([20, 3])" in capsys.readouterr().out


def trained_by_two(rank, folder, outputs):
    """Three steps of a sharded model, then everything that reads or sets its parameters."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    model, x = two_layers(), torch.randn(10, 4, generator=seeded(3))
    head = model[1]
    for module in (head, model):
        fully_shard(module, mesh=mesh)
    for name in READERS:
        register_fsdp_forward_method(head, name)
    step(model, head, x, 3)
    compacted = head.compact()
    empty = fully_shard(SpectralNetwork((6, 8, 3), device="meta"), mesh=mesh).to_empty(device="cpu")
    empty.reset_parameters(seeded(rank))
    results = {
        "output": model(x).detach(),
        "bundle": head.bundle(3, 1).detach(),
        "compact": {key: value.detach() for key, value in compacted.state_dict().items()},
        "active": head.active_neurons(),
        "printed": "widths=(6, 8, 3)" in repr(model),
        "reset": [block.full_tensor().detach() for block in empty.eigenvectors],
    }
    if rank == 0:
        torch.save(results, outputs)
    torch.distributed.destroy_process_group()


def two_layers():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), SpectralNetwork((6, 8, 3), bias=True, generator=seeded()))


def step(model, head, x, count):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(count):
        optimizer.zero_grad()
        (model(x).square().mean() + 1e-3 * head.penalty("l1")).backward()
        optimizer.step()


def test_fsdp2_on_two_processes_computes_what_one_does(tmp_path):
    torch.multiprocessing.spawn(trained_by_two, (tmp_path, tmp_path / "outputs.pt"), nprocs=2)
    results = torch.load(tmp_path / "outputs.pt")
    model, x = two_layers(), torch.randn(10, 4, generator=seeded(3))
    step(model, model[1], x, 3)
    close = {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(results["output"], model(x).detach(), **close)
    torch.testing.assert_close(results["bundle"], model[1].bundle(3, 1).detach(), **close)
    torch.testing.assert_close(results["compact"], dict(model[1].compact().state_dict()), **close)
    assert results["active"] == model[1].active_neurons() == (8,) and results["printed"]
    started = SpectralNetwork((6, 8, 3), generator=seeded(0))
    assert all(torch.equal(*blocks) for blocks in zip(results["reset"], started.eigenvectors, strict=True))


HUGGING_FACE = {
    "vit": lambda transformers: transformers.ViTForImageClassification(
        transformers.ViTConfig(hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
                               image_size=8, patch_size=4, num_labels=3)
    ),
    "roberta": lambda transformers: transformers.RobertaForSequenceClassification(
        transformers.RobertaConfig(vocab_size=20, hidden_size=12, num_hidden_layers=1, num_attention_heads=2,
                                   intermediate_size=8, max_position_embeddings=20, num_labels=3)
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "at"), [("vit", "classifier"), ("roberta", "classifier.out_proj")])
def test_hugging_face_models_keep_count(kind, at):
    model = HUGGING_FACE[kind](transformers)
    head = opened(replace_head(model, 8, classes=5, generator=seeded()))
    assert head.name == at and model.num_labels == model.config.num_labels == 5
    inputs = {"vit": {"pixel_values": torch.randn(4, 3, 8, 8)}, "roberta": {"input_ids": torch.ones(4, 6, dtype=int)}}
    output = model(**inputs[kind], labels=torch.arange(4))
    output.loss.backward()
    assert output.logits.shape == (4, 5) and head.eigenvectors[0].grad.any()
    small = compact_head(model, loss=lambda model: model(**inputs[kind], labels=torch.arange(4)).loss, budget=0.0)
    assert model.get_submodule(at) is small


def test_an_example_tells_a_hugging_face_model_s_head():
    model = HUGGING_FACE["vit"](transformers)
    assert replace_head(model, 8, inputs=torch.randn(2, 3, 8, 8)).name == "classifier"


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")  # of peft
def test_the_head_that_peft_trains_is_compacted_by_name():
    model = timm.create_model("vit_tiny_patch16_224", num_classes=3, depth=1, img_size=32)
    replace_head(model, 8, generator=seeded())
    wrapped = peft.get_peft_model(model, peft.LoraConfig(target_modules=["qkv"], modules_to_save=["head"]))
    with pytest.raises(ValueError, match=r"has 2 spectral heads: name is needed, .*modules_to_save\.default"):
        compact_head(wrapped)
    name = next(name for name, _ in wrapped.named_modules() if name.endswith("modules_to_save.default"))
    opened(wrapped.get_submodule(name))
    small = compact_head(wrapped, name=name)
    assert small.widths == (192, 3, 3) and wrapped(torch.zeros(2, 3, 32, 32)).shape == (2, 3)


def test_both_heads_of_a_distilled_model_are_compacted_and_loaded(tmp_path):
    def built():
        torch.manual_seed(0)
        return timm.create_model("deit_tiny_distilled_patch16_224", num_classes=3, depth=1, img_size=32).eval()

    model, x = built(), torch.randn(4, 3, 32, 32, generator=seeded())
    for name in ("head", "head_dist"):
        opened(replace_head(model, 8, name=name, generator=seeded()))
    expected = model(x)
    for name in ("head", "head_dist"):
        assert compact_head(model, name=name).widths == (192, 3, 3)
    torch.testing.assert_close(model(x), expected)
    save_model(model, tmp_path / "model.safetensors")
    assert torch.equal(load_model(built(), tmp_path / "model.safetensors")(x), model(x))


@pytest.mark.parametrize("name", ["resnet10t", "resnetv2_50"])
def test_timm_models_with_a_compacted_head_are_loaded_in_one_call(tmp_path, name):
    model = timm.create_model(name, num_classes=4).eval()
    opened(replace_head(model, 8, classes=5, generator=seeded()))
    compact_head(model)
    save_model(model, tmp_path / "model.safetensors")
    loaded = load_model(timm.create_model(name, num_classes=4).eval(), tmp_path / "model.safetensors")
    x = torch.randn(2, 3, 64, 64, generator=seeded())
    assert torch.equal(loaded(x), model(x)) and loaded.num_classes == 5


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("around", [lambda network: network, nn.Sequential])
def test_what_torchscript_and_the_legacy_exporter_cannot_do_is_one_sentence(around, tmp_path):
    network = opened(SpectralNetwork((4, 6, 3), bias=True, generator=seeded()))
    x = torch.randn(2, 4, generator=seeded())
    for module in (network, network.compact()):
        with pytest.raises(
            TypeError, match=rf"torch.jit.script cannot compile {type(module).__name__}: use torch.export"
        ):
            torch.jit.script(around(module))
    with pytest.raises(RuntimeError, match=r"legacy ONNX exporter is not supported: dynamo=True is needed"):
        torch.onnx.export(around(network), (x,), tmp_path / "network.onnx", dynamo=False)
    torch.onnx.export(around(network.compact()), (x,), tmp_path / "compact.onnx", dynamo=False)
    assert isinstance(network.compact(), CompactNetwork) and (tmp_path / "compact.onnx").exists()


MODULES = {
    "compact, skips": lambda: graded(bias=True, dtype=torch.float32).compact(threshold=0.01),
    "compact, linear": lambda: SpectralNetwork((5, 8, 3), generator=seeded()).compact(),
    "compact, gelu": lambda: graded((5, 8, 3), activation="gelu", dtype=torch.float32).compact(),
    "spectral": lambda: graded(bias=True, dtype=torch.float32),
}


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_export_and_onnx_give_the_same_outputs_for_any_batch(tmp_path, module):
    module = module().eval()
    example, batch = torch.randn(3, 5, generator=seeded()), {0: torch.export.Dim("batch")}
    program = torch.export.export(module, (example,), dynamic_shapes=(batch,))
    path = tmp_path / "module.onnx"
    torch.onnx.export(module, (example,), path, dynamo=True, dynamic_shapes=(batch,), verbose=False)
    session = onnxruntime.InferenceSession(path)
    (name,) = (node.name for node in session.get_inputs())
    for points in (1, 3, 17):
        x = torch.randn(points, 5, generator=seeded(points))
        expected = evaluated(module, x)
        assert deviation(evaluated(program.module(), x), expected) <= 1e-5
        assert deviation(session.run(None, {name: x.numpy()})[0], expected) <= 1e-5


@pytest.mark.parametrize(
    ("widths", "form", "rows", "trained"),
    [((6, 40, 40, 3), "bundles", (5,), False), ((6, 8, 8, 3), "eigenbasis", (5, 2), False), ((6, 3), None, (4,), True)],
)
def test_torchinfo_counts_the_products(widths, form, rows, trained):
    torchinfo = pytest.importorskip("torchinfo")
    network = SpectralNetwork(widths, bias=True, form=form, train_input_eigenvalues=trained)
    names = [name for name, _ in network.named_parameters()]
    products = spectral.multiplications(network.widths, math.prod(rows), form or "bundles", not trained)
    for model, others in ((network, 0), (nn.Sequential(nn.Linear(6, 6, bias=False), network), rows[0] * 36)):
        for _ in range(2):
            summary = torchinfo.summary(model, input_size=(*rows, 6), col_names=("mult_adds",), depth=4, verbose=0)
            assert summary.total_mult_adds == products + others and f"{products:,}" in str(summary)
            assert summary.total_params == sum(parameter.numel() for parameter in model.parameters())
        assert [name for name, _ in network.named_parameters()] == names
        assert not any(True for _ in network.products.named_parameters())
    small = torchinfo.summary(opened(SpectralNetwork((6, 8, 3))).compact(), input_size=(5, 6), verbose=0)
    assert small.total_mult_adds == 5 * (3 * 6 + 3 * 3 + 3 * 6)

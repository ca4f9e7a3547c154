"""Text towers of others: read from a local folder, offline, safetensors only."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
transformers = pytest.importorskip("transformers", reason="needs the text extra")

from segassay.errors import UsageError  # noqa: E402
from segassay.judge.networks.segae_vlm import SegaeVlm  # noqa: E402
from segassay.judge.networks.text_tower import GivenText  # noqa: E402
from segassay.training.learning.networks import build_net  # noqa: E402
from segassay.training.learning.pretrained_text import pretrained_vectors  # noqa: E402
from segassay.training.settings import JudgeRecipe  # noqa: E402
from segassay.vocabulary.describe import describe  # noqa: E402

TEXTS = [describe("liver"), describe("kidney_left"), "x"]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789:,.-'"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a text tower is read from disk alone")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A CLIP model of random weights with a tokenizer of single letters."""
    torch.manual_seed(0)
    folder = tmp_path / "tiny-clip"
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    text = {
        **small,
        "num_attention_heads": 2,
        "vocab_size": 100,
        "max_position_embeddings": 77,
        "eos_token_id": 1,
        "bos_token_id": 0,
    }
    vision = {**small, "num_attention_heads": 2, "image_size": 32, "patch_size": 16}
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
    transformers.CLIPModel(config).save_pretrained(folder)
    words = ["<|startoftext|>", "<|endoftext|>"]
    words += [*LETTERS, *(letter + "</w>" for letter in LETTERS)]
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({word: n for n, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(str(vocabulary), str(folder / "merges.txt"))
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """A BERT of random weights, the kind of tower inside BiomedCLIP."""
    torch.manual_seed(0)
    folder = tmp_path / "tiny-bert"
    config = transformers.BertConfig(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    transformers.BertModel(config).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "liver", "kidney", "left", "the", "of"]
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def test_clip_gives_projected_vectors(clip: Path) -> None:
    vectors = pretrained_vectors(clip, TEXTS)
    assert vectors.shape == (3, 12)
    assert vectors.isfinite().all()
    assert not torch.allclose(vectors[0], vectors[1])
    torch.testing.assert_close(pretrained_vectors(clip, TEXTS[:1])[0], vectors[0])


def test_bert_gives_its_first_token(bert: Path) -> None:
    vectors = pretrained_vectors(bert, TEXTS)
    assert vectors.shape == (3, 16)
    assert not torch.allclose(vectors[0], vectors[1])


def test_a_recipe_may_name_a_tower_and_keeps_its_place_to_itself(clip: Path) -> None:
    recipe = JudgeRecipe.model_validate(
        {
            "name": "x",
            "network": "segae_vlm",
            "data": [{"name": "s", "path": "s"}],
            "vlm": {"dim": 16, "depth": 1, "heads": 2, "text_tower": str(clip)},
        }
    )
    net = build_net(recipe, ("liver", "kidney_left"))
    assert isinstance(net, SegaeVlm)
    assert isinstance(net.names.tower, GivenText)
    assert net.names.tower.dim == 12
    assert len(net.names.keys) == 4  # no name, both kidneys, liver
    assert str(clip.parent) not in recipe.model_dump_json()
    assert "tiny-clip" in recipe.model_dump_json()


def test_pickled_weights_and_missing_folders_are_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        pretrained_vectors(tmp_path / "nowhere", TEXTS)
    (clip / "model.safetensors").rename(clip / "pytorch_model.bin")
    with pytest.raises(UsageError, match="safetensors") as caught:
        pretrained_vectors(clip, TEXTS)
    assert "\n" not in str(caught.value)


def test_a_damaged_folder_is_one_line(clip: Path) -> None:
    (clip / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="cannot load it") as caught:
        pretrained_vectors(clip, TEXTS)
    assert "\n" not in str(caught.value)


ALONE = """
import os, sys
def watch(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        os.write(2, f"{event} {arguments}".encode())
        os._exit(99)
sys.addaudithook(watch)
before = dict(os.environ)
from pathlib import Path
import huggingface_hub.constants as hub
from transformers import logging as logs
state = hub.HF_HUB_OFFLINE, logs.get_verbosity(), logs.is_progress_bar_enabled()
from segassay.training.learning.pretrained_text import pretrained_vectors
print(pretrained_vectors(Path(sys.argv[1]), ["liver"]).shape[1])
assert (hub.HF_HUB_OFFLINE, logs.get_verbosity(), logs.is_progress_bar_enabled()) == state
assert dict(os.environ) == before, set(os.environ) ^ set(before)
"""


def test_a_process_is_left_as_it_was_and_asks_no_network(clip: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS"))}
    command = [sys.executable, "-c", ALONE, str(clip)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["12"]

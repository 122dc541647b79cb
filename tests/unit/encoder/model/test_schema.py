"""A model's JSON files are read by a schema: what is wrong is one sentence with file and key."""

import json

import pytest
from transformers import PreTrainedModel

from encoder import CrossEncoder, Encoder, EncoderError, ModelDamagedError, ModelRefusedError
from encoder.engines.network import build
from encoder.model.folder import read_model_spec
from encoder.model.locate import canonical, locate
from encoder.model.modules import max_length
from tests.support import models
from tests.support.parity import ours

NAN = float("nan")
WRONG = {
    "modules.json": [
        ("[0]", [7]),
        ("[0].type", [{"type": 7, "path": ""}]),
        ("[0].path", [{"type": "x", "path": None}]),
        ("[0].idx", [{"type": "x", "path": "", "idx": "first"}]),
        ("the whole", {"idx": 0}),
    ],
    "sentence_bert_config.json": [
        ("max_seq_length", {"max_seq_length": 0}),
        ("max_seq_length", {"max_seq_length": -5}),
        ("max_seq_length", {"max_seq_length": "128"}),
        ("max_seq_length", {"max_seq_length": True}),
        ("do_lower_case", {"do_lower_case": "yes"}),
        ("tokenizer_args", {"tokenizer_args": "x"}),
        ("tokenizer_args.model_max_length", {"tokenizer_args": {"model_max_length": []}}),
        ("tokenizer_args.model_max_length", {"tokenizer_args": {"model_max_length": -5}}),
        ("processor_kwargs.model_max_length", {"processor_kwargs": {"model_max_length": 0.5}}),
        ("processor_kwargs.model_max_length", {"processor_kwargs": {"model_max_length": NAN}}),
        ("config_args", {"config_args": [1]}),
        ("transformer_task", {"transformer_task": 7}),
    ],
    "1_Pooling/config.json": [
        ("pooling_mode", {"pooling_mode": 7}),
        ("pooling_mode[0]", {"pooling_mode": [7]}),
        ("pooling_mode_mean_tokens", {"pooling_mode_mean_tokens": "yes"}),
        ("include_prompt", {"include_prompt": 1}),
    ],
    "config_sentence_transformers.json": [
        ("prompts", {"prompts": "query: "}),
        ("prompts[...]", {"prompts": {"query": 7}}),
        ("truncate_dim", {"truncate_dim": 0}),
        ("truncate_dim", {"truncate_dim": "128"}),
        ("similarity_fn_name", {"similarity_fn_name": ["cosine"]}),
    ],
    "config.json": [
        ("architectures", {"architectures": "BertModel"}),
        ("max_position_embeddings", {"max_position_embeddings": "512"}),
        ("pad_token_id", {"pad_token_id": "0"}),
        ("num_hidden_layers", {"num_hidden_layers": 10**9}),
        ("model_type", {"model_type": 7}),
        ("auto_map", {"auto_map": "evil"}),
    ],
    "tokenizer_config.json": [
        ("model_max_length", {"model_max_length": "many"}),
        ("model_max_length", {"model_max_length": -1}),
        ("model_max_length", {"model_max_length": NAN}),
    ],
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return models.old_layout(tmp_path_factory.mktemp("whole") / "model", "bert")


@pytest.fixture
def folder(whole, tmp_path):
    import shutil

    return shutil.copytree(whole, tmp_path / "model")


def merged(folder, name, value):
    """Put values into a JSON file of the model; a list, or an object for a list, replaces it."""
    path = folder / name
    before = json.loads(path.read_text("utf-8"))
    mixed = isinstance(value, dict) and isinstance(before, dict)
    models.write(path, {**before, **value} if mixed else value)


def one_sentence(call):
    with pytest.raises(EncoderError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def read(folder):
    for route in (found := read_model_spec(folder)).queries, found.passages:
        max_length(route.first)


@pytest.mark.parametrize(
    ("name", "key", "value"), [(n, *each) for n, several in WRONG.items() for each in several]
)
def test_a_wrong_value_is_one_sentence_with_file_and_key(folder, name, key, value):
    merged(folder, name, value)
    said = one_sentence(lambda: read(folder))
    assert said.startswith(f"{folder / name} is wrong at {key} (")


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("text", ["7", '"text"', "null", "[[]]", "{", "\udcff", "[" * 100_000])
def test_a_file_that_holds_something_else_is_one_sentence(folder, name, text):
    (folder / name).write_bytes(text.encode(errors="surrogateescape"))
    assert name.rpartition("/")[2] in one_sentence(lambda: read(folder))


@pytest.mark.parametrize(
    ("kind", "config", "key"),
    [
        ("Dense", {"in_features": 48}, "the whole"),
        ("Dense", {"in_features": 48, "out_features": 10**12}, "out_features"),
        ("Dense", {"in_features": "48", "out_features": 8}, "in_features"),
        ("Dense", {"in_features": 48, "out_features": 8, "activation_function": 7}, "activation"),
        ("Dense", {"in_features": 48, "out_features": 8, "bias": "no"}, "bias"),
        ("LayerNorm", {}, "dimension"),
        ("LayerNorm", {"dimension": -1}, "dimension"),
        ("Normalize", {"module_input_name": 7}, "module_input_name"),
        ("Router", {"types": {}, "structure": []}, "structure"),
        ("Router", {"types": {}, "structure": {"query": ["0_X"]}}, "0_X"),
        ("Router", {"types": {}, "structure": {}, "parameters": 7}, "parameters"),
        ("Router", {"types": {}, "structure": {"query": []}}, "no route"),
    ],
)
def test_other_modules_too(tmp_path, kind, config, key):
    if kind == "Router":
        entry = {"idx": 0, "path": "", "type": "sentence_transformers.models.Router"}
        models.write(tmp_path / "modules.json", [entry])
        models.write(tmp_path / "router_config.json", config)
    else:
        models.old_layout(tmp_path, "bert", later=[(kind, config)])
    assert key in one_sentence(lambda: read(tmp_path))


def test_what_transformers_cannot_use_is_one_sentence(folder):
    merged(folder, "config.json", {"hidden_size": "wide"})
    said = one_sentence(lambda: ours(folder))
    assert str(folder) in said


@pytest.mark.parametrize("path", ["a" * 5000, "a\0b"])
def test_a_module_in_a_folder_that_cannot_be(folder, path):
    merged(folder, "modules.json", [{"idx": 0, "path": path, "type": "x"}])
    with pytest.raises(ModelDamagedError, match="which no folder can be called"):
        read(folder)


def test_a_length_that_is_infinite_leaves_the_table_of_positions(folder):
    merged(folder, "sentence_bert_config.json", {"max_seq_length": None})
    before = max_length(read_model_spec(folder).queries.first)
    endless = {"tokenizer_args": {"model_max_length": float("inf")}}
    merged(folder, "sentence_bert_config.json", endless)
    assert max_length(read_model_spec(folder).queries.first) == before


@pytest.mark.parametrize("length", [1, 2])
def test_a_length_below_the_special_tokens_is_refused_and_does_not_mean_no_limit(folder, length):
    merged(folder, "sentence_bert_config.json", {"max_seq_length": length})
    with pytest.raises(ModelRefusedError, match=f"reads {length} tokens of a text and 2 go to"):
        ours(folder)
    merged(folder, "sentence_bert_config.json", {"max_seq_length": 3})
    assert ours(folder).max_length == 3


def test_a_prompt_as_long_as_what_is_read_is_refused(folder):
    merged(folder, "sentence_bert_config.json", {"max_seq_length": 8})
    with pytest.raises(ModelRefusedError, match="shorter prompt"):
        ours(folder, query_prompt="fox " * 20).encode_queries(["fox"])


def test_a_cross_encoders_length_and_settings(folder):
    merged(folder, "config.json", {"architectures": ["BertForSequenceClassification"]})
    merged(folder, "tokenizer_config.json", {"model_max_length": 3})
    with pytest.raises(ModelRefusedError, match="3 tokens and 3 of them are special"):
        CrossEncoder.load(folder, device="cpu")
    merged(folder, "tokenizer_config.json", {"model_max_length": 64})
    merged(folder, "config.json", {"sbert_ce_default_activation_function": 7})
    with pytest.raises(ModelDamagedError, match="sbert_ce_default_activation_function"):
        CrossEncoder.load(folder, device="cpu")


@pytest.mark.parametrize("name", ["attn_implementation", "experts_implementation"])
def test_what_computes_attention_is_not_the_models_choice(folder, name):
    expected = ours(folder).encode_queries(["fox"])
    merged(folder, "config.json", {name: "somebody/kernels"})
    merged(folder, "sentence_bert_config.json", {"config_args": {name: "somebody/others"}})
    assert (ours(folder).encode_queries(["fox"]) == expected).all()


def test_no_kernels_of_the_hub_take_the_place_of_a_models_layers(folder):
    """With kernels on, transformers would ask for a package, and that one the hub."""
    merged(folder, "config.json", {"use_kernels": True})
    asked = {"use_kernels": True, "kernel_config": {"kernel_mapping": {}}}
    merged(folder, "sentence_bert_config.json", {"config_args": asked, "model_args": asked})
    route = read_model_spec(folder).passages
    network = build(route)
    loaded = [each for each in network.modules() if isinstance(each, PreTrainedModel)]
    assert loaded
    assert not any(each.use_kernels for each in loaded)


def test_options_of_the_loader_are_not_the_models_choice(folder):
    """What a model may override are values of config.json, not how it is looked for."""
    elsewhere = {"subfolder": "1_Pooling", "return_unused_kwargs": True, "__class__": "dict"}
    expected = ours(folder).encode_queries(["fox"])
    merged(folder, "sentence_bert_config.json", {"config_args": elsewhere})
    assert (ours(folder).encode_queries(["fox"]) == expected).all()


def test_quantised_weights_are_refused(folder):
    merged(folder, "config.json", {"quantization_config": {"quant_method": "fp8"}})
    with pytest.raises(ModelRefusedError, match="fp8"):
        ours(folder)


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path):
    outside = tmp_path / "outside"
    (folder / "tokenizer.json").rename(outside)
    (folder / "tokenizer.json").symlink_to(outside)
    with pytest.raises(ModelRefusedError, match=r"tokenizer\.json leads out of the model's folder"):
        locate(folder)
    (folder / "tokenizer.json").unlink()
    outside.rename(folder / "real.json")
    (folder / "tokenizer.json").symlink_to("real.json")
    (tmp_path / "name").symlink_to(folder)
    assert locate(tmp_path / "name") == folder
    (folder / "circle").symlink_to("circle")
    assert locate(folder) == folder
    (folder / "2_More").symlink_to("/etc")
    with pytest.raises(ModelRefusedError, match="2_More"):
        locate(folder)


@pytest.mark.parametrize("name", ["../other/model.safetensors", "/x.safetensors", "weights.dat"])
def test_weights_that_no_fingerprint_would_have_are_refused(folder, name):
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {"a": "b.safetensors"}}))
    assert locate(folder) == folder
    index.write_text(json.dumps({"metadata": {}, "weight_map": {"a": name}}))
    with pytest.raises(ModelRefusedError, match="for weights"):
        locate(folder)


def in_the_hubs_cache(whole, hub, target):
    """The model as the hub's cache lays it out, its weights a link to `target`."""
    import shutil

    repository = hub / "models--tiny--model"
    folder = shutil.copytree(whole, repository / "snapshots" / "0123")
    (repository / "blobs").mkdir()
    (folder / "model.safetensors").rename(repository / "blobs" / "d1ce")
    (folder / "model.safetensors").symlink_to(target)
    return folder


def test_links_of_the_hubs_cache_are_its_layout(whole, tmp_path):
    folder = in_the_hubs_cache(whole, tmp_path / "a", "../../blobs/d1ce")
    assert locate(folder) == folder
    folder = in_the_hubs_cache(whole, tmp_path / "b", "../../../../outside")
    with pytest.raises(ModelRefusedError, match="outside"):
        locate(folder)


@pytest.mark.parametrize(
    "name", ["/etc", "./mine", "../mine", "a/b/c", "mine", "~/mine", "a/..", ""]
)
def test_a_folder_that_an_index_names_is_not_opened(name, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder.rename(tmp_path / "mine")
    with pytest.raises(ModelRefusedError, match="name it as `model`"):
        Encoder.load(name, recorded=True)


def test_a_name_that_an_index_names_is_neither_fetched_nor_looked_for_here(
    folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").mkdir()
    folder.rename(tmp_path / "some" / "model")
    with pytest.raises(EncoderError, match=r"not fetched unasked: .* give `model='some/model'`"):
        Encoder.load("some/model", recorded=True)


def test_a_carried_models_folder_is_recorded_by_its_name(minilm):
    assert canonical(minilm) == "sentence-transformers/all-MiniLM-L6-v2"
    assert str(locate(canonical(minilm), recorded=True)) == minilm

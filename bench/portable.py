"""Does `portable` tell the truth? Loads grown weights into transformers' modules of the bigger size.

Every model is built from a configuration with random weights and exported with its parameters under their own names. `grow`
makes it bigger and carries config.json along; the module is built from that configuration, gets the state dict read from the
grown ONNX file, and must compute what the old module did exactly when the report says `portable`.

    npm run build && python bench/portable.py      (the environment of fixtures/README.md)
"""
import json
import os
import subprocess
import sys
import tempfile
import warnings
import numpy as np
import onnx
import torch
import transformers as tf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "fixtures"))
from common import randomize  # noqa: E402

warnings.filterwarnings("ignore")
TOLERANCE = 1e-4  # relative; a wrong epsilon, scale or norm moves outputs by 1e-3 and more


class Text(torch.nn.Module):
    def __init__(self, m):
        super().__init__()
        self.m = m

    def forward(self, input_ids):
        if not self.m.config.is_decoder and type(self.m).__name__ == "BertModel":
            return self.m(input_ids=input_ids)[0]
        size = input_ids.shape[1]  # a mask of four dimensions is taken as it is: the one transformers makes cannot be traced
        mask = torch.triu(torch.full((size, size), -1e9), diagonal=1)[None, None].expand(input_ids.shape[0], 1, size, size)
        return self.m(input_ids=input_ids, attention_mask=mask, position_ids=torch.arange(size)[None], use_cache=False)[0]


class Pixels(torch.nn.Module):
    def __init__(self, m):
        super().__init__()
        self.m = m

    def forward(self, pixel_values):
        return self.m(pixel_values=pixel_values)[0]


ENDS = dict(bos_token_id=1, eos_token_id=2, pad_token_id=0)
EAGER = dict(attn_implementation="eager")


def gpt2():
    c = tf.GPT2Config(vocab_size=83, n_positions=32, n_embd=40, n_layer=2, n_head=4, n_inner=72, bos_token_id=1, eos_token_id=2)
    return tf.AutoModelForCausalLM, c


def llama():
    c = tf.LlamaConfig(vocab_size=81, hidden_size=40, intermediate_size=68, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=10,
                       max_position_embeddings=48, tie_word_embeddings=False, rms_norm_eps=1e-3, **ENDS)
    return tf.AutoModelForCausalLM, c


def vit():
    return tf.AutoModel, tf.ViTConfig(image_size=16, patch_size=4, num_channels=3, hidden_size=36, num_hidden_layers=2, num_attention_heads=3,
                                      intermediate_size=60, layer_norm_eps=1e-3)


def bert():
    return tf.AutoModel, tf.BertConfig(vocab_size=83, hidden_size=40, num_hidden_layers=2, num_attention_heads=4, intermediate_size=56,
                                       max_position_embeddings=32, layer_norm_eps=1e-3)


def qwen3():
    c = tf.Qwen3Config(vocab_size=83, hidden_size=40, intermediate_size=68, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=10,
                       max_position_embeddings=48, tie_word_embeddings=False, rms_norm_eps=1e-2, **ENDS)
    return tf.AutoModelForCausalLM, c


def gemma2():
    c = tf.Gemma2Config(vocab_size=77, hidden_size=32, intermediate_size=60, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=12,
                        query_pre_attn_scalar=10, max_position_embeddings=48, sliding_window=16, **ENDS)
    return tf.AutoModelForCausalLM, c


BOTH = ["hidden=x2", "heads=x2", "--norm", "native"]
CASES = [(make, words) for make in (gpt2, llama, vit) for words in (["mlp=x2"], ["layers=+1"], ["layers=+1@before:0", "--new-layer", "random"], BOTH,
                                                                    ["mlp=x1.5", *BOTH, "layers=+1"])]
CASES += [
    (gpt2, ["hidden=x2", "qk=x2", "v=x2", "--norm", "native", "--scale", "weights"]),
    (vit, ["hidden=x2", "qk=x2", "v=x2", "--norm", "native", "--scale", "weights"]),
    (bert, ["mlp=x2"]),
    (qwen3, ["kv-heads=x2", "mlp=x2"]),
    (gemma2, ["mlp=x2", "kv-heads=x2", "layers=+2"]),
    # and where it is not so
    (gpt2, ["hidden=x2", "heads=x2", "--norm", "old-block"]),
    (gpt2, ["hidden=x2", "qk=x2", "v=x2", "--norm", "native"]),
    (llama, ["qk=x2", "v=x2", "--scale", "weights"]),
    (bert, ["layers=+1"]),
    (qwen3, ["hidden=x2"]),
    (gemma2, ["hidden=x2"]),
]


def example(config):
    torch.manual_seed(0)
    if config.model_type == "vit":
        return torch.randn(2, 3, 16, 16), "pixel_values", Pixels
    return torch.randint(3, config.vocab_size, (2, 9)), "input_ids", Text


def build(auto, config):
    model = auto.from_config(config, **EAGER).eval()
    if hasattr(model, "pooler"):
        model.pooler = None
    return model


@torch.no_grad()
def run_case(make, words, folder):
    torch.manual_seed(1)
    auto, config = make()
    old = randomize(build(auto, config), 1)
    x, name, wrapper = example(config)
    model, bigger = os.path.join(folder, "old", "model.onnx"), os.path.join(folder, "new", "model.onnx")
    os.makedirs(os.path.dirname(model))
    os.makedirs(os.path.dirname(bigger))
    config.save_pretrained(os.path.dirname(model))
    dynamic = {name: {0: "batch", 1: "sequence"} if name == "input_ids" else {0: "batch"}}
    torch.onnx.export(wrapper(old).eval(), (x,), model, input_names=[name], output_names=["out"], dynamic_axes=dynamic, dynamo=False, opset_version=17,
                      do_constant_folding=False)
    grown = subprocess.run(["node", os.path.join(ROOT, "dist", "cli", "main.js"), "apply", model, "-o", bigger, *words, "--json", "--quiet"],
                           capture_output=True, text=True)
    report = json.loads(grown.stdout)
    if not report["ok"]:
        return dict(refused=report["error"]["message"])
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(bigger).graph.initializer}
    new = build(auto, tf.AutoConfig.from_pretrained(os.path.dirname(bigger)))
    state = new.state_dict()
    given = {key: torch.from_numpy(np.array(tensors[f"m.{key}"])) for key in state if f"m.{key}" in tensors}
    shared = {key for key in state if any(state[key].data_ptr() == state[other].data_ptr() for other in given)}
    missing = [key for key in state if key not in given and key not in shared]
    try:
        new.load_state_dict(given, strict=False)
    except RuntimeError as error:
        return dict(portable=report["portable"]["ok"], why=report["portable"]["why"], relative=None, note=str(error).splitlines()[-1].strip()[:90])
    before, after = wrapper(old)(x), wrapper(new)(x)
    after = after[..., : before.shape[-1]]  # a hidden state is wider now; its old channels are compared
    relative = float((before - after).abs().max() / before.abs().max())
    return dict(portable=report["portable"]["ok"], why=report["portable"]["why"], relative=relative, note=f"missing {missing}" if missing else "")


def main():
    wrong = 0
    print(f"transformers {tf.__version__}, torch {torch.__version__}")
    print("| model | growth | portable | module of the bigger size: max abs difference / max abs output | |\n| --- | --- | --- | --- | --- |")
    for make, words in CASES:
        with tempfile.TemporaryDirectory() as folder:
            r = run_case(make, words, folder)
        if "refused" in r:
            wrong += 1
            print(f"| {make.__name__} | {' '.join(words)} | refused | | {r['refused']} |")
            continue
        same = r["relative"] is not None and r["relative"] < TOLERANCE and not r["note"]
        wrong += same != r["portable"]
        measured = "does not load" if r["relative"] is None else f"{r['relative']:.1e}"
        print(f"| {make.__name__} | {' '.join(words)} | {'yes' if r['portable'] else 'no'} | {measured} | {'; '.join([*r['why'], r['note']] if r['note'] else r['why'])} |"
              + ("" if same == r["portable"] else " **WRONG**"), flush=True)
    print(f"{len(CASES)} cases, {wrong} where the report is wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

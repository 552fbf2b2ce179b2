"""Do grown exports still run in the runtimes they were made for, and write the same text?

Hugging Face folders (model.onnx with caches, config.json) run in optimum's ORTModelForCausalLM, onnxruntime-genai's folders
(genai_config.json) in onnxruntime-genai. Models have random weights; both generate greedily, and every token must be the same.

    npm run build && python bench/generate.py      (the environment of fixtures/README.md)
"""
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
import numpy as np
import torch
import transformers as tf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "fixtures"))
from common import randomize  # noqa: E402
from hf import genai_builder  # noqa: E402

warnings.filterwarnings("ignore")
ENDS = dict(bos_token_id=1, eos_token_id=2, pad_token_id=0)
PROMPTS = [[5, 17, 40, 3, 29], [11, 60, 7], [70, 8, 8, 21, 33, 50, 4]]
TOKENS = 24


def gpt2():
    return tf.GPT2Config(vocab_size=83, n_positions=64, n_embd=40, n_layer=3, n_head=4, n_inner=72, bos_token_id=1, eos_token_id=2)


def llama(**kw):
    return tf.LlamaConfig(**{**dict(vocab_size=81, hidden_size=40, intermediate_size=68, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                                    head_dim=10, max_position_embeddings=64, tie_word_embeddings=False), **ENDS, **kw})


HUB = [["mlp=x2"], ["layers=+1"], ["layers=+2@after:0"], ["hidden=x2", "heads=x2", "--norm", "native"], ["hidden=x2", "heads=x2", "--norm", "old-block"],
       ["mlp=x1.5", "hidden=x2", "heads=x2", "layers=+1@before:0"]]
CASES = [(make, words) for make in (gpt2, llama) for words in HUB]
# ORTModelForCausalLM makes its first caches of width hidden / heads, whatever head_dim says
CASES += [(llama, ["hidden=x2", "kv-heads=x2"]), (llama, ["hidden=x2", "qk=x2", "v=x2"])]
GENAI = [["mlp=x2"], ["layers=+1"], ["layers=+1@after:0"], ["hidden=x2", "heads=x2", "--norm", "native"], ["kv-heads=x2", "mlp=x1.5", "layers=+1"], ["qk=x2", "v=x2"]]


def build(config):
    torch.manual_seed(1)
    return randomize(tf.AutoModelForCausalLM.from_config(config).eval(), 1, qk=2.0)


def grow(model, output, words):
    done = subprocess.run(["node", os.path.join(ROOT, "dist", "cli", "main.js"), "apply", model, "-o", output, *words, "--quiet"], capture_output=True, text=True)
    return None if done.returncode == 0 else f"exit {done.returncode}: {done.stderr.strip().splitlines()[0]}"


def optimum_folder(config, folder):
    from optimum.exporters.onnx import onnx_export_from_model
    onnx_export_from_model(build(config), folder, task="text-generation-with-past", do_validation=False)


def optimum_text(folder):
    from optimum.onnxruntime import ORTModelForCausalLM
    model = ORTModelForCausalLM.from_pretrained(folder, provider="CPUExecutionProvider")
    return [model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.int64), max_new_tokens=TOKENS, do_sample=False,
                           eos_token_id=None, pad_token_id=0)[0].tolist() for ids in PROMPTS]


def genai_folder(config, folder):
    create_model, parse_extra_options = genai_builder()
    from tokenizers import Tokenizer, models as tm
    source = f"{folder}-source"
    config.rope_scaling = {"rope_type": "default", "rope_theta": 10000.0}
    model = build(config)
    model.config.architectures = [type(model).__name__]
    model.save_pretrained(source)
    tokens = Tokenizer(tm.WordLevel({f"t{i}": i for i in range(config.vocab_size)}, unk_token="t0"))
    tf.PreTrainedTokenizerFast(tokenizer_object=tokens, unk_token="t0", eos_token="t2", bos_token="t1").save_pretrained(source)
    options = ("", source, folder, "fp32", "cpu", os.path.join(source, "cache"))
    create_model(*options, **parse_extra_options(*options, ["hf_token=false"]))


def genai_text(folder):
    import onnxruntime_genai as og
    model = og.Model(folder)
    texts = []
    for ids in PROMPTS:
        params = og.GeneratorParams(model)
        params.set_search_options(do_sample=False, max_length=len(ids) + TOKENS, min_length=len(ids) + TOKENS)
        generator = og.Generator(model, params)
        generator.append_tokens(np.array([ids], dtype=np.int32))
        while not generator.is_done():
            generator.generate_next_token()
        texts.append(generator.get_sequence(0).tolist())
    return texts


def run(make, words, folder_of, text_of, folder):
    old, new = os.path.join(folder, "old"), os.path.join(folder, "new")
    os.makedirs(old)
    folder_of(make, old)
    os.makedirs(new)
    failed = grow(os.path.join(old, "model.onnx"), os.path.join(new, "model.onnx"), words)
    if failed:
        return failed
    for name in os.listdir(old):  # grow carries the configurations it understands; the rest is the user's to copy
        if not name.startswith("model.onnx") and not os.path.exists(os.path.join(new, name)):
            shutil.copy(os.path.join(old, name), new)
    before, after = text_of(old), text_of(new)
    written = sum(len(ids) for ids in before) - sum(len(ids) for ids in PROMPTS)
    return f"{written} tokens, the same" if before == after else f"DIFFERENT: {before} and {after}"


def main():
    import onnxruntime
    import onnxruntime_genai
    import importlib.metadata
    print(f"transformers {tf.__version__}, optimum {importlib.metadata.version('optimum')}, onnxruntime {onnxruntime.__version__}, "
          f"onnxruntime-genai {onnxruntime_genai.__version__}")
    print("| runtime | model | growth | greedy text |\n| --- | --- | --- | --- |")
    wrong = 0
    cases = [("optimum", make.__name__, words, make(), optimum_folder, optimum_text) for make, words in CASES]
    cases += [("onnxruntime-genai", "llama", words, llama(head_dim=16), genai_folder, genai_text) for words in GENAI]
    for runtime, name, words, config, folder_of, text_of in cases:
        with tempfile.TemporaryDirectory() as folder:
            try:
                result = run(config, words, folder_of, text_of, folder)
            except Exception as error:  # a runtime that refuses the file says so here
                result = f"FAILED: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
        wrong += not result.endswith("the same")
        print(f"| {runtime} | {name} | {' '.join(words)} | {result} |", flush=True)
    print(f"{len(cases)} cases, {wrong} not the same")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

/* The command table and what runs a row of it. */
#include "cli.h"

#include <string.h>

static const struct cli_option common_options[] = {
    {"json", NULL, "machine-readable output on standard output"},
    {"quiet", NULL, "no progress"},
    {"help", NULL, "this help"},
    {0},
};

static const struct cli_option model_options[] = {
    {"model", "DIR|ID",
     "model folder as downloaded, or a hub id in the local HuggingFace cache (default: the small model inside the program)"},
    {"backend", "NAME", "cpu (default), ref, ref64"},
    {"isa", "NAME", "auto (default), portable, avx2, avx512; all give the same bytes"},
    {"precision", "NAME",
     "f32 (default), or bf16: products with frozen weights on operands rounded to bfloat16, twice as fast with "
     "AVX512_BF16"},
    {"threads", "N", "threads (default: one a processor); the result does not depend on it"},
    {"weights", "TYPE", "stored (default) or f32: expand matrices to float32 when loading"},
    {"memory", "LIMIT",
     "keep to so much memory (4G, 512M): batches that need more compute activations again, what still does not fit is refused"},
    {"no-share", NULL, "compute common beginnings again for every sequence"},
    {0},
};

static const struct cli_option data_options[] = {
    {"task", "NAME|FILE", "a task that ships with tacit (see tacit tasks), or a YAML file"},
    {"data", "DIR", "folder of the task's data files"},
    {"tasks", "DIR", "look for task files here first"},
    {"limit", "N", "at most N examples of each split"},
    {"shots", "K", "K training examples of each answer (drawn by --seed)"},
    {"max-length", "N", "tokens of input and answer; inputs are cut on their left (2048)"},
    {0},
};

static const struct cli_option train_options[] = {
    {"out", "DIR",
     "folder of the run: result, metrics, checkpoint; the same command goes on there"},
    {"method", "NAME",
     "prompt (default), prefix, lora, ia3, ptuning, full; settings behind a colon: "
     "lora:r=8,alpha=16 (see tacit methods)"},
    {"tokens", "N", "tokens of a prompt or prefix (default: as many as the init text has)"},
    {"init", "KIND",
     "description (default), text:TEXT, vocab, normal, zero; adapter:DIR goes on with that adapter, whatever its type"},
    {"place", "WHERE",
     "where the prompt stands: template (default: at the template's mark, else in front), front, end (behind the input)"},
    {"text-cache", "KIND",
     "keys and values of the texts before a prompt, which training does not change: auto (default: kept where memory allows; the same bytes), off, f16 (kept as float16; other bytes)"},
    {"epochs", "N", "passes over the training examples (50)"},
    {"steps", "N", "stop after N steps instead"},
    {"batch", "N", "examples a batch (8)"},
    {"batch-tokens", "N", "at most N tokens a batch (and --batch examples, if that is given)"},
    {"accumulate", "N", "batches a step (1)"},
    {"lr", "X", "learning rate (1e-3; full: 2e-5)"},
    {"schedule", "NAME", "linear (default), cosine, constant"},
    {"warmup", "X", "steps of warm-up, or a share of all steps where below 1 (0.06)"},
    {"optimizer", "NAME", "adamw (default), adafactor, muon (method full)"},
    {"momentum", "X", "Muon (0.95)"},
    {"beta1", "X", "AdamW (0.9)"},
    {"beta2", "X", "AdamW (0.999)"},
    {"eps", "X", "AdamW (1e-8)"},
    {"weight-decay", "X", "decoupled weight decay (0)"},
    {"clip", "X", "largest gradient norm, 0 for none (1)"},
    {"pull", "TEXT", "pull the prompt's tokens towards those of TEXT, cut or repeated"},
    {"pull-weight", "X", "what that counts: X * mean squared distance / mean squared length (0)"},
    {"order", "KIND",
     "shuffled (default), file, or passages: shuffled, examples whose texts begin alike as neighbours, which share that work"},
    {"noise", "LIST", "what the seeds change: order,init,moments (order)"},
    {"seed", "N", "seed of all noise sources (0)"},
    {"seed-order", "N", "seed of the data order"},
    {"seed-init", "N", "seed of the init; values that are drawn come of it whatever --noise says"},
    {"seed-moments", "N", "seed of the first moments"},
    {"init-scale", "X",
     "--noise init: jitter of tokens' values, an adapter's, IA3's, by their rms (0.1)"},
    {"moments-scale", "X", "first moments by the first gradient's rms (1)"},
    {"eval-steps", "N", "evaluate every N steps"},
    {"eval-epochs", "N", "evaluate every N epochs (1)"},
    {"eval-limit", "N", "on at most N validation examples"},
    {"no-eval", NULL, "do not evaluate"},
    {"best", NULL, "keep the best evaluation's values instead of the last"},
    {"patience", "N", "stop after N evaluations without a better one"},
    {"base-name", "ID", "base_model_name_or_path in adapter_config.json (default: --model)"},
    {"plan", NULL, "print what the run would take, and stop"},
    {0},
};

static const struct cli_option eval_options[] = {
    {"adapter", "DIR[+DIR]", "evaluate this PEFT adapter, or prompts one after another; several"},
    {"prompt", "TEXT", "evaluate this text as prompt; 'description' is the task's own; several"},
    {"no-prompt", NULL, "evaluate the input alone"},
    {"place", "WHERE",
     "where they all stand: template, front, end (default: as each adapter was trained; a text: template)"},
    {"ensemble", NULL, "also what all adapters say together: by mean log-likelihood, by vote"},
    {"split", "NAME", "train, validation (default), test"},
    {"seed", "N", "seed of --shots (0)"},
    {0},
};

static const struct cli_option explain_options[] = {
    {"adapter", "DIR", "the PEFT adapter to read"},
    {"top", "K", "neighbours a token (5)"},
    {"controls", "N", "perturbed vocabulary rows behind each z-score (16)"},
    {"seed", "N", "seed of the controls (0)"},
    {"tsv", NULL, "tab-separated output"},
    {0},
};

static const struct cli_option prompt_options[] = {
    {"adapter", "DIR", "run each text under this PEFT adapter (score: NAME=DIR, several)"},
    {"prompt", "TEXT", "put this text to each text"},
    {"place", "WHERE",
     "where it stands: front, end (behind the text), template (in front, or behind a line's \"before\"); default: as the adapter was trained, else template"},
    {0},
};

static const struct cli_option generate_options[] = {
    {"max-tokens", "N", "tokens at most (64)"},
    {"temperature", "X", "0 (default) is greedy"},
    {"top-k", "N", "sample among the N most probable tokens"},
    {"top-p", "X", "sample among the fewest tokens with this probability together"},
    {"seed", "N", "seed of the sampling (0)"},
    {"ids", NULL, "the text is token ids separated by blanks; ids come out"},
    {0},
};

static const struct cli_option tokenize_options[] = {
    {"model", "DIR", "use the tokenizer of this model folder"},
    {"tokenizer", "FILE", "use this tokenizer.json"},
    {"lines", NULL, "one output line for each input line"},
    {"decode", NULL, "ids in, text out"},
    {"special", NULL, "with what the tokenizer's file puts before and behind a text (<s> ...)"},
    {0},
};

static const struct cli_option inspect_options[] = {
    {"check", NULL, "scan all numbers for NaN and infinity"},
    {"tensors", NULL, "list every tensor"},
    {0},
};

static const struct cli_option tasks_options[] = {
    {"model", "DIR", "tokenise with this model's tokenizer"},
    {"data", "DIR", "folder of the task's data files"},
    {"tasks", "DIR", "look for task files here first"},
    {"split", "NAME", "train (default), validation, test"},
    {"n", "N", "examples to show (3)"},
    {0},
};

static const struct cli_option init_options[] = {
    {"out", "DIR", "folder to write"},
    {"family", "NAME",
     "as config.json's model_type names it: llama, gpt2, ... (bloom); an unknown one is told all"},
    {"layers", "N", "(4)"},
    {"width", "N", "(64)"},
    {"heads", "N", "(4)"},
    {"key-heads", "N",
     "heads of keys and values (default: as many as heads), where the family groups queries"},
    {"head-width", "N",
     "of a head (default: the width by the heads), where the family has it apart"},
    {"mlp-width", "N", "(default: 4 widths), where the family has it apart"},
    {"positions", "N", "the longest text (1024), where the family's config says it"},
    {"vocab", "N", "rows of the embedding (default: the tokenizer's size)"},
    {"tokenizer", "FILE", "a tokenizer.json to put into the folder"},
    {"std", "X", "standard deviation of the weights (0.02)"},
    {"dtype", "TYPE", "f32 (default), f16, bf16"},
    {"seed", "N", "(0)"},
    {0},
};

static const struct cli_option learn_options[] = {
    {"out", "FILE", "the tokenizer.json to write"},
    {"vocab", "N", "tokens in all, at most: special ones, 256 bytes, merges (2048)"},
    {"pattern", "NAME", "how texts are cut into words: bloom (default), gpt2, qwen2, llama3"},
    {"special", "LIST", "special tokens, separated by commas (<unk>,<s>,</s>,<pad>)"},
    {"min-count", "N", "a pair that becomes a token is there so often (2)"},
    {0},
};

static const struct cli_option pretrain_options[] = {
    {"context", "N", "join the texts and cut them into pieces of N tokens (128)"},
    {"documents", NULL, "each text is a sequence of its own instead"},
    {0},
};

static const struct cli_option convert_options[] = {
    {"dtype", "TYPE",
     "of a model: f32, f16 or bf16; rounded to nearest, ties to even (GGUF and llama2.c: default as stored, Q8_0 as f16)"},
    {"tokenizer", "FILE", "the tokenizer file of a llama2.c checkpoint (tokenizer.bin)"},
    {"model", "DIR|ID", "the model that a prompt is for"},
    {"text", "TEXT", "with --model: write the embeddings of TEXT's tokens too"},
    {"before", "TEXT",
     "of a text in two parts: what stands before the prompt; --text stands behind it"},
    {"place", "WHERE",
     "of the prompt: front, end (behind the text), template (behind --before, else in front); default: as FROM says, else template"},
    {"base64", NULL, "print what a .pt file would hold as base64, instead of TO"},
    {"width", "N", "width of the rows of a .f32 or .bin file (default: the model's)"},
    {"task-id", "K", "which task's prompt of a MULTITASK_PROMPT_TUNING folder, from 0"},
    {"old-bloom-prefix", NULL,
     "FROM is a PREFIX_TUNING folder for BLOOM made under transformers <= 4.43: TO gets today's order"},
    {"base-name", "ID",
     "base_model_name_or_path in adapter_config.json (default: FROM's, else --model)"},
    {"out", "TO", "the same as TO"},
    {0},
};

static const struct cli_option merge_options[] = {
    {"model", "DIR|ID", "the model that the adapter is for"},
    {"out", "DIR", "folder to write"},
    {"dtype", "TYPE", "f32, f16 or bf16 (default: each tensor as the model has it)"},
    {0},
};

static const struct cli_option report_options[] = {{0}};

static const struct cli_option bench_options[] = {
    {"rows", "LIST", "rows of the matrix products (1,8,64,550,2000)"},
    {"rounds", "N", "medians over so many rounds (5)"},
    {"texts", "N", "texts of an evaluation pass and a training step (8)"},
    {"length", "N", "tokens of a text (64)"},
    {"method", "METHOD", "what the step trains, as lora:r=8 (prompt); see `tacit methods`"},
    {"tokens", "N", "soft tokens before each text, where the method has such (20)"},
    {"prefill", "N", "tokens of the text to continue (512)"},
    {"decode", "N", "tokens that are written behind it (32)"},
    {"trace", "FILE", "every op of one round, for Perfetto or chrome://tracing"},
    {0},
};

static const struct cli_option study_options[] = {
    {"out", "DIR", "folder of the results: study.db and runs; the same command goes on there"},
    {"plan", NULL, "print units, time and memory, and stop"},
    {"status", NULL, "print what is done, and stop"},
    {"jobs", "N", "units at once (default: one a processor for a small model, else 1)"},
    {"data", "DIR", "folder of the tasks' data files (default: the study's)"},
    {"tasks", "DIR", "look for task files here first"},
    {0},
};

static const struct cli_option help_options[] = {
    {"man", NULL, "print the manual page (roff)"},
    {"completion", NULL, "print the completion for bash"},
    {0},
};

#define GROUPS(...)                                                                                \
    (const struct cli_option *const[])                                                             \
    {                                                                                              \
        __VA_ARGS__, common_options, NULL                                                          \
    }

static const struct cli_command commands[] = {
    {"train", "", "train a soft prompt (or the whole model) on a task",
     "Starts from the task's description, embeds it, and lets gradient descent improve the embedded tokens on the "
     "training examples; the model stays as it is. The folder of the run is a PEFT adapter (adapter_config.json, "
     "adapter_model.safetensors) with metrics.jsonl, timing.jsonl, run.json, prompts.safetensors (the prompt after "
     "each epoch) and checkpoint.safetensors beside it. A run that was stopped or killed goes on when the same command "
     "is given again, and ends with the same bytes.\n\n"
     "With --json the last line is an object: steps, tokens, parameters, last_loss, best_score, best_step, "
     "memory_bytes, rows, rows_unshared, resumed, already_done, identity, out; with --plan {memory_bytes, program, weights, "
     "trained, texts, activations, rows, limit, recompute, again}: bytes, the rows of the largest batch, and the share of more "
     "work that recomputing its activations is.",
     "tacit train --model bloomz-560m --task rte --data superglue --tokens 20 --epochs 50 --out runs/rte",
     GROUPS(model_options, data_options, train_options), cli_train},
    {"eval", "", "evaluate prompts on a task, side by side",
     "Scores each answer by its log-likelihood after the input, for every prompt given, over the same examples. acc is "
     "the share of examples whose right answer has the largest sum, acc_norm by characters of the answer, acc_byte by "
     "its bytes, acc_token by its tokens; stderr as lm-evaluation-harness defines it; intervals are 95 %.\n\n"
     "With --json: {task, split, n, truncated, majority, rows: [{name, acc, acc_stderr, acc_low, acc_high, acc_norm, "
     "acc_norm_stderr, acc_byte, acc_token, metric, metric_name, f1, macro_f1, auroc, loss, confusion}], differences: [{a, b, "
     "acc, low, high}]}.",
     "tacit eval --model bloomz-560m --task rte --data superglue --adapter runs/rte --prompt description --no-prompt",
     GROUPS(model_options, data_options, eval_options), cli_eval},
    {"explain", "", "read a trained prompt: its nearest vocabulary tokens",
     "For each token of the prompt: the word it started from, the nearest vocabulary tokens by cosine, their margin and "
     "a z-score of that margin against real vocabulary rows perturbed to equal cosine, the drift from the start, "
     "whether the word persisted, and the tokens' scripts; raw, and after the model's embedding norm, which soft "
     "tokens pass too (BLOOM alone has one; else both are the same).\n\n"
     "With --json: {tokens: [{init, init_id, persisted, raw: VIEW, normed: VIEW}]} with VIEW = {nearest: [{id, text, "
     "script, cosine}], margin, z, init_cosine, init_rank, drift, drift_ratio}.",
     "tacit explain --model bloomz-560m --adapter runs/rte --top 3",
     GROUPS(model_options, explain_options), cli_explain},
    {"score", "[FILE]", "log-probabilities of given texts",
     "Reads JSON lines from FILE or standard input: {\"ids\": [...], \"target_ids\": [...]} or {\"text\": ..., "
     "\"target\": ...}; without a target every token that has a predecessor counts. \"before_ids\" or \"before\" of a line stands "
     "before the prompt, all else behind it. Writes a JSON line each: logprobs "
     "(natural logarithms, one a target token), sum, greedy (whether every target token is the most probable one).\n\n"
     "Several adapters, of any types, are given names, --adapter NAME=DIR; each line then names one, \"adapter\": NAME, or "
     "null for none. All run in the same batches, and each line gets the bytes that it would have alone.",
     "echo '{\"text\": \"The cat sat on the\", \"target\": \" mat\"}' | tacit score --model bloomz-560m",
     GROUPS(model_options, prompt_options), cli_score},
    {"generate", "[TEXT]", "continue a text",
     "The text stands on the command line or on standard input. A model that has no "
     "places for --max-tokens ends where they end, and says so. With --json: a line {text, ids, logprobs}.",
     "tacit generate --model bloomz-560m --max-tokens 20 'Translate to English: Je t’aime.'",
     GROUPS(model_options, prompt_options, generate_options), cli_generate},
    {"tokenize", "[FILE]", "text to token ids and back",
     "Reads FILE or standard input, prints ids separated by blanks. With --json: a line {ids} or {text} for each piece. "
     "Reads tokenizer.json: the byte-level BPE of BLOOM, GPT-2, GPT-NeoX, Llama 3, Qwen and others, and SentencePiece's BPE of Llama 2 "
     "and Mistral. Chat templates are not applied.",
     "echo 'Hello world' | tacit tokenize --model bloomz-560m --lines", GROUPS(tokenize_options),
     cli_tokenize},
    {"tokenizer", "train FILE...", "learn a tokenizer from texts",
     "Learns a byte-level BPE and writes it as a tokenizer.json; the same texts give the same file as HuggingFace "
     "tokenizers' trainer. Files are plain text or JSON lines with a field \"text\" or \"parts\" (see pretrain).\n\n"
     "With --json: {tokens, out}.",
     "tacit tokenizer train --vocab 2048 --out tokenizer.json corpus.txt", GROUPS(learn_options),
     cli_tokenizer},
    {"inspect", "PATH", "what is in a model, an adapter or a safetensors file",
     "With --json: {kind, facts: {...}, tensors: [{name, dtype, shape, bytes, file}]}.",
     "tacit inspect bloomz-560m --check", GROUPS(inspect_options), cli_inspect},
    {"tasks", "[show NAME]", "list the tasks, or show rendered examples of one",
     "With --json: a line {name, description, metric, file} for each task, or {input, answers, gold, at, ids} for each "
     "example; `at` of the ids stand before a prompt.",
     "tacit tasks show rte --data superglue -n 3", GROUPS(tasks_options), cli_tasks},
    {"methods", "", "the tuning methods and their settings",
     "Prints the methods of --method with their settings and defaults. With --json: [{name, summary, peft_type, settings: "
     "[{name, default, help}]}].",
     "tacit methods", GROUPS(report_options), cli_methods},
    {"pretrain", "FILE...", "train a whole model on text",
     "The next token everywhere. Files are plain text or JSON lines: {\"text\": ...}, or {\"parts\": [[TEXT, WEIGHT], ...]} "
     "with what the tokens of each part count for in the loss; parts are tokenised apart. Resumable as train; the folder of "
     "the run is a HuggingFace model folder. With --json the object that train prints.",
     "tacit pretrain --model fresh --context 128 --epochs 1 --lr 1e-3 --out trained corpus.txt",
     GROUPS(model_options, pretrain_options, train_options), cli_pretrain},
    {"init-model", "", "write a random model folder",
     "A HuggingFace folder with random weights, to pretrain or to try things on. A size that the family has not is refused. With "
     "--json: {family, layers, width, heads, dtype, seed, out}.",
     "tacit init-model --family llama --layers 4 --width 64 --heads 4 --tokenizer demo/tokenizer.json --out fresh",
     GROUPS(init_options), cli_init_model},
    {"convert", "FROM TO",
     "a prompt in another tool's form, a model in another dtype, a GGUF file as a model folder",
     "FROM is a PEFT folder (PROMPT_TUNING, P_TUNING, MULTITASK_PROMPT_TUNING), a matrix of NumPy's (.npy, as Lester et al. "
     "keep prompts), float32 rows (.f32 or .bin), or a model. TO is a .npy; float32 rows for llama.cpp's embd (.f32 or .bin); "
     "a tensor as torch.save writes it (.pt), for vLLM's prompt_embeds; or, without an ending, a PROMPT_TUNING folder. With "
     "--model and --text the file is a whole input: the prompt's rows and those of the text, each where it was in training.\n\n"
     "A model becomes a HuggingFace folder in one file, with the tokenizer beside it. So does a GGUF file (llama, qwen2, qwen3, "
     "gpt2, gptneox, bloom; F32, F16, BF16, Q8_0), and a llama2.c checkpoint of version 0; both are known by their contents.\n\n"
     "With --json: {tokens, text_tokens, width, out} or, for a model, {dtype, out}; with --base64 {tokens, text_tokens, width, "
     "base64}.",
     "tacit convert runs/rte rte.npy", GROUPS(convert_options), cli_convert},
    {"merge", "ADAPTER", "a model with a LoRA or IA3 adapter folded into its weights",
     "Writes a HuggingFace folder that needs no adapter, with the tokenizer beside it. Weights are computed in double and rounded "
     "once to float32, then to TYPE; a model in f16 or bf16 keeps a small update only roughly (f32 keeps it).\n\n"
     "With --json: {matrices, out}.",
     "tacit merge runs/rte-lora --model bloomz-560m --out merged", GROUPS(merge_options),
     cli_merge},
    {"study", "FILE", "train, compare and read prompts of several tasks and seeds",
     "Does everything that the study file asks for (docs/STUDY.md): prompts trained from the tasks' descriptions, what they are "
     "compared with, and the analyses; all of it ends in DIR/study.db. Stopped or killed, the same command goes on where it "
     "was; what is done and unchanged is not done again. A file that names several models makes a study of each in "
     "DIR/NAME, and DIR/study.db of all.\n\n"
     "With --json (a line for each of several models): {out, units, claims: [{id, verdict, finding, note, estimate, low, high, p, p_holm}]}; with --plan "
     "{units, jobs, seconds, memory_bytes}.",
     "tacit study demo/study.yaml --out demo-run", GROUPS(model_options, study_options), cli_study},
    {"sweep", "FILE", "try settings of methods, and find the best by the validation split",
     "Trains every combination (or some, drawn) of the methods and settings in the file's section `sweep` (docs/STUDY.md) for "
     "each of its tasks; all of it ends in DIR/study.db, which tacit report draws. A run that diverges is a result. The "
     "validation split chooses; the accuracy that is reported is the test split's. Resumes as study does.\n\n"
     "With --json: {out, units, best: [{task, method, config, validation, accuracy, low, high, tried, diverged}]}; with "
     "--plan {units, jobs, seconds, memory_bytes}.",
     "tacit sweep sweep.yaml --out sweep-run", GROUPS(model_options, study_options), cli_sweep},
    {"report", "OUT", "the page of a study: claims, figures, tables",
     "Draws what OUT/study.db holds: OUT/report.html, one page that needs no network, OUT/figures/*.svg and "
     "OUT/tables/*.tsv. It computes nothing, and may be run while the study goes on.\n\n"
     "With --json: {report, bytes, figures, tables}.",
     "tacit report demo-run", GROUPS(report_options), cli_report},
    {"bench", "", "how fast this machine is at a model's work",
     "Times the model's matrix products beside OpenBLAS, where its shared library is installed, an evaluation pass, a training "
     "step, prefill and greedy decoding on random texts, and the reading of the weights alone, in alternation: GFLOP/s of useful work, "
     "its share of the best product seen, time by op, rows computed of tokens there are, page faults of a steady pass, idle "
     "threads, memory. OpenBLAS chooses its kernels by the processor unless OPENBLAS_CORETYPE is set: a wrong one makes a poor "
     "yardstick, so the output says it.\n\n"
     "With --json: {backend, threads, weights, openblas, openblas_coretype, peak, bandwidth, read_share, read_low, read_high, "
     "products: [{name, M, N, K, seconds, flops, share, ratio, low, high}], passes: [{name, rows, tokens, seconds, low, high, flops, share, weight_bytes, faults, resident, "
     "anonymous, watched, idle, ops: [{name, N, K, calls, rows, seconds, flops, weight_bytes, idle}]}], memory: [{name, "
     "bytes}]}; ratio is OpenBLAS' seconds by tacit's, share of the peak, watched the seconds of the run whose ops were timed, "
     "bandwidth of the weights read alone, behind decoding, read_share decoding's part of that.",
     "tacit bench --model bloomz-560m --threads 1", GROUPS(model_options, bench_options),
     cli_bench},
    {"help", "[COMMAND]", "help for a command",
     "With --json: [{name, summary, options: [{name, arg, help}]}].", "tacit help train",
     GROUPS(help_options), cli_help},
    {0},
};

static int flush_output(const struct cli_args *a, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (!status)
        fprintf(stderr, "tacit %s: standard output cannot be written\n", a->cmd->name);
    return status ? status : TACIT_EFAIL;
}

int main(int argc, char **argv)
{
    struct cli_args a = {.commands = commands};
    if (argc < 2) {
        cli_print_help(stderr, commands);
        return TACIT_EINPUT;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "--help") == 0) {
        if (argv[1][2] == 'v')
            printf("tacit %s\n", tacit_version());
        else
            cli_print_help(stdout, commands);
        return 0;
    }
    a.cmd = cli_find_command(commands, argv[1]);
    if (!a.cmd) {
        fprintf(stderr, "tacit: there is no command '%s' (see tacit help)\n", argv[1]);
        return TACIT_EINPUT;
    }
    int s = cli_parse(&a, argc - 2, argv + 2);
    if (s)
        return s;
    if (cli_has(&a, "help")) {
        cli_print_command_help(stdout, a.cmd);
        return 0;
    }
    return flush_output(&a, a.cmd->run(&a));
}

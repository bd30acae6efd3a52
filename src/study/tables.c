#include "study/tables.h"

#include "study/claims.h"

#include <string.h>

struct table {
    const char *name, *part, *title, *columns, *note;
    tac_fill *fill;
};

static const struct table tables[] = {
    {"accuracy", "accuracy", "Accuracy by task and method",
     "task:t method:t runs:n accuracy:s low:s high:s auroc:n loss:n parameters:n seconds:n",
     "Mean over the runs; 95 % intervals over examples (bootstrap; Wilson for one run). The last epoch "
     "counts unless the study says otherwise.",
     tac_table_accuracy},
    {"methods", "accuracy", "What each method costs and reaches",
     "method:t runs:n parameters:n bytes:n seconds:n memory:n accuracy:s low:s high:s difference:s "
     "difference_low:s difference_high:s forgetting:n",
     "Parameters trained; bytes of the file that a run is saved in; seconds of its steps (mean) and bytes of memory as "
     "planned, weights included. Accuracy: mean over runs and tasks; difference: to full, on the same "
     "examples. 95 % normal intervals over examples, tasks as they are. Forgetting: what the loss a token on texts outside the task gained, mean over runs.",
     tac_table_methods},
    {"forgetting", "accuracy", "What training forgets",
     "task:t method:t seed:n of:t texts:n tokens:n plain:n loss:n change:n",
     "Mean negative log-likelihood a token of texts that have nothing to do with the task (another task's test inputs, or a "
     "file's), without anything trained (plain) and under the run.",
     tac_table_forgetting},
    {"runs", "accuracy", "Every run",
     "task:t method:t seed:n accuracy:s low:s high:s auroc:n loss:n", "", tac_table_runs},
    {"curves", "accuracy", "Training curves",
     "task:t method:t seed:n epoch:n loss:n dev_accuracy:s drift:n",
     "Mean training loss over the epoch; drift: Frobenius norm of the way from the start.",
     tac_table_curves},
    {"reading", "reading", "Nearest tokens",
     "task:t seed:n place:n start:t rank:n token:t script:t cosine:n persisted:n drift:n",
     "By cosine to the rows of the embedding; drift: distance of the token from its start.",
     tac_table_reading},
    {"persistence", "reading", "Words that persist",
     "task:t method:t seed:n persisted:s drift:n normed:n",
     "A token persists where its nearest one is still the one that it started from. `drift` prompts "
     "went as far, token by token, in random directions: what drift alone does.",
     tac_table_persistence},
    {"words", "reading", "Which words persist",
     "task:t place:n word:t runs:n persisted:s drift:n control:s",
     "Over the runs; control: the share in the drift-matched perturbations.", tac_table_words},
    {"recurring", "reading", "Tokens that recur over prompts",
     "token:t script:t tasks:n prompts:n p:p",
     "Among the nearest of any place, hubs corrected (CSLS), tokens of the study's own texts left out. "
     "p by the largest number in each null study: drift-matched perturbations instead of training.",
     tac_table_recurring},
    {"scripts", "reading", "Scripts of the nearest tokens",
     "script:t prompts:s null:s difference:n p:p",
     "Shares among the nearest tokens of trained prompts, and of their drift-matched perturbations.",
     tac_table_scripts},
    {"verbalise", "reading", "What the model says of a prompt's tokens",
     "task:t kind:t seed:n from_layer:n to_layer:n hit:s score:n said:t",
     "Each token's state patched into a few-shot frame. hit: the model says the word that the token "
     "started from; score: its mean log-probability. Layer -1 is the embedding. Compare means over "
     "the grid: the best cell is a selection.",
     tac_table_verbalise},
    {"knockout", "reading", "One token knocked out",
     "task:t seed:n place:n start:t accuracy:s change:n low:n high:n removed:n",
     "The token's row replaced by the mean of the vocabulary; removed: the change where the row is "
     "left out. Paired 95 % intervals.",
     tac_table_knockout},
    {"wayward", "reading", "Training towards an unrelated text",
     "task:t weight:n seed:n accuracy:s loss:n target_share:s distance:n",
     "How much accuracy a misleading readout costs: target_share is the share of tokens whose nearest "
     "one is the unrelated text's.",
     tac_table_wayward},
    {"seeds", "stochasticity", "Runs that differ in their seed alone",
     "task:t runs:n mean:s sd:n min:s max:s sampling_error:n q:n p:p p_permuted:p discordant:n "
     "equivalent:s run_variance:n example_variance:n residual_variance:n",
     "Sampling error: of one accuracy, on new examples. q: Cochran's, over the hits of runs and "
     "examples, p by chi-square and by permuting each example's hits. Discordant: examples on which "
     "runs differ. Equivalent: pairs of runs whose paired 95 % interval lies within the margin. "
     "Variances: of a table of runs by examples, unbiased (below 0 at times); the run's is the "
     "variance of the accuracies less what the discordant examples explain.",
     tac_table_seeds},
    {"drift", "stochasticity", "How far training moves a prompt",
     "task:t kind:t seed:n raw:n per_token:n normed:n cosine:n description_accuracy:s accuracy:s",
     "From the start: Frobenius norm raw and behind the embedding norm, mean over tokens, cosine of "
     "the whole prompts. Description: the untrained text that the run started from (a paraphrase "
     "where it is reworded).",
     tac_table_drift},
    {"distances", "stochasticity", "Distances between trained prompts",
     "a:t b:t same_task:n raw:n normed:n matched:n cosine:n in_place:s control:n",
     "Frobenius norm raw, behind the embedding norm, and over the best matching of tokens (in place: "
     "tokens that it leaves where they are). Control: raw distance of the two prompts' drift-matched "
     "perturbations.",
     tac_table_distances},
    {"equidistant", "stochasticity", "How equal the distances between runs are",
     "task:t runs:n min:n max:n ratio:n cv:n control_ratio:n control_cv:n p:p smallest_p:p",
     "Raw distances of a task's runs; ratio: largest to smallest; cv: standard deviation over mean; "
     "control: of the drift-matched perturbations; p: of a cv this small among prompts drawn from all "
     "tasks. Task all: within tasks, means over tasks.",
     tac_table_equidistant},
    {"layout", "stochasticity", "Trained prompts in two dimensions",
     "method:t prompt:t task:t kind:t seed:n x:n y:n",
     "Runs and starts by raw Frobenius distances. t-SNE: exact, perplexity by name, learning rate "
     "points / 8, from the PCA layout; its units mean nothing.",
     tac_table_layout},
    {"layouts", "stochasticity", "How far the layouts are to be trusted",
     "method:t points:n trustworthiness:n neighbors:n stress:n share:s kl:n",
     "Stress: Kruskal's stress-1 against the distances (t-SNE: after the best scaling). Share: of the "
     "variance (MDS: of the eigenvalues' absolute values) that two dimensions hold.",
     tac_table_layouts},
    {"trajectory", "stochasticity", "The way of training", "task:t seed:n epoch:n x:n y:n",
     "Every epoch's prompt in the plane of the layout pca, which is fitted to starts and trained "
     "prompts alone.",
     tac_table_trajectory},
    {"paths", "stochasticity", "Between two runs", "task:t a:t b:t t:n accuracy:s loss:n",
     "Prompts on the straight line from a (t = 0) to b (t = 1).", tac_table_paths},
    {"noise", "stochasticity", "Sources of chance, each alone",
     "task:t source:t runs:n mean:s sd:n low:n high:n share:s verdict:t",
     "Standard deviation of the accuracy with a 95 % interval by chi-square; share: of the three "
     "sources' variances. prompt: all that the study trains with together.",
     tac_table_noise},
    {"transfer", "transfer", "Every prompt on every task",
     "prompt:t task:t kind:t seed:n target:t accuracy:s auroc:n none:s random:s",
     "None, random: accuracies on the target without a prompt and of random tokens (mean).",
     tac_table_transfer},
    {"similarity", "transfer", "How alike the tasks' prompts are",
     "method:t measure:t a:t b:t value:n",
     "Means over pairs of a run of a and one of b (a = b: of two runs). Frobenius, update (difference "
     "of the ways from the starts), descriptions (distance of the starts) and output divergence "
     "(Jensen-Shannon, nats, over all test examples) are distances; the rest are larger where prompts "
     "are more alike. neurons: overlap of the most active tenth of the MLP neurons. Adapters of further methods: distance and cosine "
     "of what they put before a text or add to the weights.",
     tac_table_similarity},
    {"related", "transfer", "Similarity of tasks and transfer",
     "method:t measure:t target:t n:n spearman:n p:p smallest_p:p",
     "Spearman's rho of similarity to the target and accuracy on it, over source tasks other than the "
     "target; larger means more alike, so distances enter with a minus. p: one-sided, exact where few "
     "arrangements exist. each: mean over targets, tasks permuted. pooled is misleading: targets "
     "differ in level, and a measure that knows the level looks related.",
     tac_table_related},
    {"wins", "transfer", "Other tasks' prompts on a target",
     "method:t target:t against:t sources:n wins:n ties:n losses:n",
     "Runs of all other tasks. A tie: exact McNemar p above 0.05 on the same examples; against the "
     "mean of the random prompts: the paired 95 % normal interval holds 0.",
     tac_table_wins},
};

static const struct table sweep_tables[] = {
    {"sweep", "sweep", "Every combination of settings",
     "task:t method:t config:t lr:n tokens:n init:t settings:t runs:n diverged:n validation:s "
     "validation_loss:n accuracy:s low:s high:s loss:n seconds:n",
     "Means over the runs that did not diverge. validation: on the split that chooses; accuracy, with its 95 % "
     "interval over examples, and loss: on the split that is reported, which chooses nothing.",
     tac_table_sweep},
    {"sweep_best", "sweep", "The best combination of each method",
     "task:t method:t config:t lr:n tokens:n init:t settings:t runs:n validation:s accuracy:s low:s "
     "high:s seconds:n tried:n diverged:n",
     "By validation accuracy, then loss; all: by the mean over tasks. A combination of which a run diverged is none. The "
     "validation accuracy of the best of many is too high by its choice; accuracy, on the split that is reported, is not.",
     tac_table_sweep_best},
};

/* ---- writing ---- */

static json_t *columns_json(const char *columns)
{
    static const char *const type[] = {"text", "number", "share", "p"};
    json_t *out = json_array();
    bool ok = out != NULL;
    for (const char *at = columns; ok && *at;) {
        size_t n = strcspn(at, ":");
        char name[64], title[64];
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        snprintf(title, sizeof title, "%s", name);
        for (char *c = title; *c; c++)
            *c = *c == '_' ? ' ' : *c;
        const char *kind = strchr("tnsp", at[n + 1]);
        TAC_CHECK(kind && at[n + 1]);
        ok = !json_array_append_new(out, json_pack("{s:s, s:s, s:s}", "name", name, "type",
                                                   type[kind - "tnsp"], "title", title));
        at += n + 2;
        at += strspn(at, " ");
    }
    if (!ok)
        json_decref(out);
    return ok ? out : NULL;
}

static enum tacit_status put_table(struct tac_seen *x, const struct table *d, size_t position,
                                   const struct tac_result *t, struct tacit_err *err)
{
    struct tac_buf columns = {0}, rows = {0};
    json_t *c = columns_json(d->columns);
    enum tacit_status s =
        c ? tac_json_write(&columns, c, TAC_JSON_LINE, err) : tac_fail_memory(err, 0);
    if (!s)
        s = tac_json_write(&rows, t->rows, TAC_JSON_LINE, err);
    if (!s)
        s = tac_db_run(&x->st->store.db, err, "INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?)",
                       "tittttt", d->name, (int64_t)position, d->part, d->title, d->note,
                       columns.data, rows.data);
    tac_buf_release(&columns);
    tac_buf_release(&rows);
    json_decref(c);
    return s;
}

static enum tacit_status fill_tables(struct tac_seen *x, const struct table *d, size_t n,
                                     struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < n; i++) {
        struct tac_result t = {.rows = json_array()};
        s = t.rows ? d[i].fill(&t, x, err) : tac_fail_memory(err, 0);
        if (!s && t.failed)
            s = tac_fail_memory(err, 0);
        if (!s && json_array_size(t.rows))
            s = put_table(x, &d[i], i, &t, err);
        json_decref(t.rows);
    }
    return s;
}

enum tacit_status tac_tables(struct tacit_study *st, struct tacit_err *err)
{
    struct tac_seen x = {.st = st};
    enum tacit_status s = tac_seen_open(&x, err);
    if (!s)
        s = tac_seen_fill(&x, err);
    if (!s)
        s = tac_store_begin(&st->store, err);
    if (!s) {
        s = tac_db_exec(&st->store.db, "DELETE FROM result; DELETE FROM claim", err);
        if (!s && st->o.sweep)
            s = fill_tables(&x, sweep_tables, sizeof sweep_tables / sizeof *sweep_tables, err);
        else if (!s)
            s = fill_tables(&x, tables, sizeof tables / sizeof *tables, err);
        if (!s && !st->o.sweep)
            s = tac_claims(&x, err);
        s = tac_store_end(&st->store, s, err);
    }
    tac_seen_close(&x);
    return s;
}

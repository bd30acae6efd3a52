/* What the commands share: numbers, models, input, progress, JSON. */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop_asked;

bool cli_stopped(void)
{
    return stop_asked != 0;
}

/* The first signal asks to stop at the next good place, the second one ends the program at once. */
static void on_signal(int sig)
{
    if (stop_asked)
        _exit(128 + sig);
    stop_asked = 1;
}

int cli_fail(const struct cli_args *a, const struct tacit_err *err)
{
    fprintf(stderr, "tacit %s: %s\n", a->cmd->name, err->msg);
    return err->status == TACIT_ECANCEL ? 130 : (int)err->status;
}

int cli_no_memory(const struct cli_args *a)
{
    fprintf(stderr, "tacit %s: out of memory\n", a->cmd->name);
    return TACIT_EFAIL;
}

int cli_fail_at(const struct cli_args *a, const char *name, size_t line,
                const struct tacit_err *err)
{
    fprintf(stderr, "tacit %s: %s:%zu: %s\n", a->cmd->name, name, line, err->msg);
    return (int)err->status;
}

bool cli_u64(const struct cli_args *a, const char *name, uint64_t *out)
{
    const char *s = cli_get(a, name);
    char *end;
    if (!s)
        return true;
    errno = 0;
    *out = strtoull(s, &end, 10);
    if (*s >= '0' && *s <= '9' && !*end && !errno)
        return true;
    cli_usage(a, "option '--%s': expected a whole number, found '%s'", name, s);
    return false;
}

bool cli_size(const struct cli_args *a, const char *name, size_t *out)
{
    uint64_t v = *out;
    if (!cli_u64(a, name, &v))
        return false;
    *out = (size_t)v;
    return true;
}

bool cli_above_0(const struct cli_args *a, const char *name, size_t *out)
{
    if (!cli_size(a, name, out))
        return false;
    if (!cli_has(a, name) || *out)
        return true;
    cli_usage(a, "option '--%s': expected a whole number above 0, found '%s'", name,
              cli_get(a, name));
    return false;
}

bool cli_double(const struct cli_args *a, const char *name, double *out)
{
    const char *s = cli_get(a, name);
    char *end;
    if (!s)
        return true;
    *out = strtod(s, &end);
    if (end != s && !*end && isfinite(*out) && *out >= 0)
        return true;
    cli_usage(a, "option '--%s': expected a number of at least 0, found '%s'", name, s);
    return false;
}

bool cli_need(const struct cli_args *a, const char *name)
{
    if (cli_has(a, name))
        return true;
    cli_usage(a, "option '--%s' is needed", name);
    return false;
}

/* Bytes with a suffix K, M, G or T. */
static bool parse_bytes(const char *s, size_t *out)
{
    static const char suffix[] = "KMGT";
    char *end;
    double v = strtod(s, &end);
    const char *at = *end ? strchr(suffix, *end) : NULL;
    if (end == s || !(v > 0))
        return false;
    if (at) {
        v *= ldexp(1, 10 * (int)(at - suffix + 1));
        end++;
    }
    end += *end == 'B';
    if (*end || v > 1e18)
        return false;
    *out = (size_t)v;
    return true;
}

const char *cli_hub_cache(void)
{
    static char path[4096];
    const char *hub = getenv("HF_HUB_CACHE"), *home = getenv("HF_HOME"), *user = getenv("HOME");
    if (hub)
        return hub;
    if (home)
        snprintf(path, sizeof path, "%s/hub", home);
    else if (user)
        snprintf(path, sizeof path, "%s/.cache/huggingface/hub", user);
    else
        return NULL;
    return path;
}

const char *cli_model(const struct cli_args *a)
{
    return cli_has(a, "model") ? cli_get(a, "model") : tacit_model_embedded();
}

bool cli_model_options(const struct cli_args *a, struct tacit_model_options *o)
{
    size_t threads = 0;
    const char *weights = cli_get(a, "weights"), *memory = cli_get(a, "memory");
    if (!cli_size(a, "threads", &threads))
        return false;
    if (threads > 1024)
        cli_usage(a, "option '--threads': %zu is more than 1024", threads);
    else if (weights && strcmp(weights, "f32") != 0 && strcmp(weights, "stored") != 0)
        cli_usage(a, "option '--weights': expected stored or f32, found '%s'", weights);
    else if (memory && !parse_bytes(memory, &o->memory_limit))
        cli_usage(a, "option '--memory': expected bytes as 4G or 512M, found '%s'", memory);
    else {
        if (cli_has(a, "backend"))
            o->backend = cli_get(a, "backend");
        if (cli_has(a, "isa"))
            o->isa = cli_get(a, "isa");
        if (cli_has(a, "precision"))
            o->precision = cli_get(a, "precision");
        o->threads = (int)threads;
        o->weights_f32 = weights && strcmp(weights, "f32") == 0;
        o->no_share = cli_has(a, "no-share");
        o->hub_cache = cli_hub_cache();
        return true;
    }
    return false;
}

static void show_precision(const struct cli_args *a, const struct tacit_model *m)
{
    struct tacit_model_info info;
    tacit_model_describe(m, &info);
    if (info.bf16 && !cli_has(a, "quiet"))
        fprintf(stderr, "precision bf16: %s\n",
                info.bf16_native ? "by AVX512_BF16"
                                 : "this processor (or --isa) lacks AVX512_BF16: the same results "
                                   "by float32 instructions, no faster than f32");
}

int cli_open_model(const struct cli_args *a, struct tacit_model **out)
{
    struct tacit_model_options o = tacit_model_options_default();
    struct tacit_err err;
    if ((!cli_model(a) && !cli_need(a, "model")) || !cli_model_options(a, &o))
        return TACIT_EINPUT;
    if (!cli_has(a, "model") && !cli_has(a, "quiet"))
        fprintf(stderr, "--model was not given: %s, the model inside the program, is used\n",
                cli_model(a));
    if (tacit_model_open(out, cli_model(a), &o, &err))
        return cli_fail(a, &err);
    show_precision(a, *out);
    return 0;
}

void cli_show_plan(const struct cli_args *a, const struct tacit_model *m, size_t bytes, size_t rows,
                   size_t read)
{
    struct tacit_model_info info;
    char weights[32], all[32];
    if (cli_has(a, "quiet"))
        return;
    tacit_model_describe(m, &info);
    fprintf(
        stderr,
        "%s: %zu layers x %zu, %zu parameters, %s (%s); %s, %d threads; memory %s (weights %s; largest batch %zu rows)\n",
        info.family, info.layers, info.width, info.parameters, info.dtype, info.path, info.backend,
        info.threads, cli_bytes(all, (double)bytes),
        cli_bytes(weights, (double)(read != SIZE_MAX ? read : info.weight_bytes)), rows);
}

const char *const *cli_task_folders(const struct cli_args *a)
{
    static const char *folders[5];
    static char beside[4096], installed[4200];
    int n = 0;
    ssize_t len = readlink("/proc/self/exe", beside, sizeof beside - 32);
    if (cli_has(a, "tasks"))
        folders[n++] = cli_get(a, "tasks");
    folders[n++] = "tasks";
    for (int up = 0; len > 0 && up < 2; up++) { /* PREFIX/bin/tacit, SOURCE/build/tacit */
        while (len > 0 && beside[len - 1] != '/')
            len--;
        len -= len > 0;
    }
    if (len > 0) {
        beside[len] = '\0';
        snprintf(installed, sizeof installed, "%s/share/tacit/tasks", beside);
        strcat(beside, "/tasks");
        folders[n++] = beside;
        folders[n++] = installed;
    }
    folders[n] = NULL;
    return folders;
}

static char *read_stream(FILE *f, size_t limit, size_t *n)
{
    size_t cap = 1 << 16;
    char *data = malloc(cap + 1);
    *n = 0;
    while (data) {
        *n += fread(data + *n, 1, cap - *n, f);
        if (*n < cap || *n > limit)
            break;
        char *more = realloc(data, cap * 2 + 1);
        if (!more)
            free(data);
        data = more;
        cap *= 2;
    }
    if (data)
        data[*n] = '\0';
    return data;
}

int cli_read(const struct cli_args *a, char **out, const char *path, size_t limit, size_t *n)
{
    bool standard = !path || strcmp(path, "-") == 0;
    *out = NULL;
    FILE *f = standard ? stdin : fopen(path, "rb");
    const char *name = standard ? "standard input" : path;
    if (!f) {
        bool memory = errno == ENOMEM;
        fprintf(stderr, "tacit %s: %s: cannot be opened: %s\n", a->cmd->name, name,
                strerror(errno));
        return memory ? TACIT_EFAIL : TACIT_EINPUT;
    }
    char *data = read_stream(f, limit, n);
    const char *bad = data && ferror(f) ? "cannot be read" : NULL;
    if (data && !bad && *n > limit)
        bad = "is larger than the limit";
    if (!standard)
        fclose(f);
    if (!data)
        return cli_no_memory(a);
    if (bad) {
        fprintf(stderr, "tacit %s: %s: %s\n", a->cmd->name, name, bad);
        free(data);
        return TACIT_EINPUT;
    }
    *out = data;
    return 0;
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void show_time(char buf[24], double s)
{
    if (s < 100)
        snprintf(buf, 24, "%.0f s", s);
    else if (s < 6000)
        snprintf(buf, 24, "%.0f min", s / 60);
    else
        snprintf(buf, 24, "%.1f h", s / 3600);
}

static void show_line(struct cli_progress *p, const struct tacit_event *e, double t)
{
    char left[24], line[200];
    uint64_t made = e->done - p->first;
    double each = made ? (t - p->started) / (double)made : 0;
    show_time(left, each * (double)(e->total - e->done));
    int n = snprintf(line, sizeof line, "%s %llu/%llu", p->what, (unsigned long long)e->done,
                     (unsigned long long)e->total);
    if (e->kind == TACIT_EVENT_STEP)
        n += snprintf(line + n, sizeof line - (size_t)n, "  epoch %zu/%zu  loss %.4f", e->epoch,
                      e->epochs, e->loss);
    if (made)
        snprintf(line + n, sizeof line - (size_t)n, "  %.3g s each  %s left", each, left);
    if (p->terminal)
        fprintf(stderr, "\r\033[K%s", line);
    else
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
}

static int report(void *ctx, const struct tacit_event *e)
{
    struct cli_progress *p = ctx;
    double t = now();
    if (p->quiet)
        return cli_stopped();
    if (e->kind == TACIT_EVENT_EVAL) {
        fprintf(stderr, "%sepoch %zu  accuracy %.4f  loss %.4f  (step %llu)\n",
                p->terminal ? "\r\033[K" : "", e->epoch, e->accuracy, e->loss,
                (unsigned long long)e->done);
    } else if (p->first == UINT64_MAX) {
        p->first = e->done;
        p->started = t;
    } else if (t - p->shown > (p->terminal ? 0.2 : 10) || (p->terminal && e->done == e->total)) {
        p->shown = t;
        show_line(p, e, t);
    }
    return cli_stopped();
}

void cli_progress_start(struct cli_progress *p, const struct cli_args *a, const char *what)
{
    struct sigaction act = {.sa_handler = on_signal};
    *p = (struct cli_progress){.what = what, .first = UINT64_MAX, .started = now(), .shown = now()};
    p->p = (struct tacit_progress){report, p};
    p->terminal = isatty(STDERR_FILENO);
    p->quiet = cli_has(a, "quiet");
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

void cli_progress_end(struct cli_progress *p)
{
    if (p->terminal && !p->quiet)
        fprintf(stderr, "\r\033[K");
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

void cli_json_string(FILE *f, const char *s, size_t n)
{
    fputc('"', f);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", f);
        else if (c < 0x20 || c == 0x7f)
            fprintf(f, "\\u%04x", c);
        else
            fputc(c, f);
    }
    fputc('"', f);
}

void cli_json_double(FILE *f, double v)
{
    char buf[40];
    if (!isfinite(v)) {
        fputs("null", f);
        return;
    }
    for (int digits = 9; digits <= 17; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, v);
        if (strtod(buf, NULL) == v)
            break;
    }
    fputs(buf, f);
}

const char *cli_bytes(char buf[32], double n)
{
    static const char *const unit[] = {"B", "kB", "MB", "GB", "TB"};
    int u = 0;
    for (; n >= 1000 && u < 4; u++)
        n /= 1000;
    snprintf(buf, 32, u && n < 100 ? "%.1f %s" : "%.0f %s", n, unit[u]);
    return buf;
}

/* What the system says of memory, from files as Linux has them; and a plan's bytes against what the
 * program then had in memory. */
#include "check.h"

#include "base/file.h"
#include "base/resident.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/tacit-resident-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[256];
    struct tacit_err err;
    snprintf(path, sizeof path, "%s%s", root, folder);
    assert_ok(tac_mkdirs(path, &err), err);
    snprintf(path, sizeof path, "%s%s/%s", root, folder, name);
    assert_ok(tac_file_write(path, text, strlen(text), &err), err);
}

#define KB 1024U

/* The machine's memory; then a control group above the process', its own, and one of version 1: the
 * least of what they give counts. Files that a group can let go of are not in use. */
static void available(void **state)
{
    (void)state;
    assert_int_equal(tac_available(root), 0);
    put("/proc", "meminfo", "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable:    5000 kB\n");
    put("/proc/self", "status", "Name: x\nVmHWM:   900 kB\nVmRSS:     100 kB\n");
    assert_int_equal(tac_available(root), 5100 * KB);
    put("/proc/self", "cgroup", "9:name=systemd:/\n0::/a/b\n");
    put("/sys/fs/cgroup/a/b", "memory.max", "max\n");
    put("/sys/fs/cgroup/a/b", "memory.current", "2048\n");
    assert_int_equal(tac_available(root), 5100 * KB);
    put("/sys/fs/cgroup/a", "memory.max", "4096000\n");
    put("/sys/fs/cgroup/a", "memory.current", "1024000\n");
    assert_int_equal(tac_available(root), 3100 * KB);
    put("/sys/fs/cgroup/a", "memory.stat", "anon 1\ninactive_file 512000\n");
    assert_int_equal(tac_available(root), 3600 * KB);
    put("/sys/fs/cgroup/a/b", "memory.max", "1024\n");
    assert_int_equal(tac_available(root), 100 * KB);
    put("/sys/fs/cgroup/a/b", "memory.max", "max\n");
    put("/proc/self", "cgroup", "4:memory:/c\n0::/a/b\n");
    put("/sys/fs/cgroup/memory/c", "memory.limit_in_bytes", "2048000\n");
    put("/sys/fs/cgroup/memory/c", "memory.usage_in_bytes", "1024000\n");
    put("/sys/fs/cgroup/memory/c", "memory.stat", "inactive_file 9\ntotal_inactive_file 102400\n");
    assert_int_equal(tac_available(root), 1200 * KB);
}

/* Pages that were touched are in memory, others are not. */
static void in_memory(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 64 * page;
    char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    (void)madvise(p, n, MADV_NOHUGEPAGE);
    assert_int_equal(tac_resident_in(p, n), 0);
    memset(p, 1, 5 * page);
    assert_int_equal(tac_resident_in(p, n), 5 * page);
    assert_int_equal(tac_resident_in(p + 4 * page, n - 4 * page), page);
    assert_true(tac_resident() > 5 * page && tac_resident_peak() >= tac_resident());
    munmap(p, n);
}

/* ---- plans ---- */

static const char *program(void)
{
    const char *path = getenv("TACIT");
    return path ? path : "build/tacit";
}

/* Runs the command, its words separated by blanks, in a shell without any of its own; *peak: bytes
 * that it had in memory at most. said: what it said. */
static void run(const char *options, size_t *peak, struct tac_buf *said)
{
    char command[1024], log[128];
    struct rusage use;
    struct tacit_err err;
    int status;
    snprintf(log, sizeof log, "%s/log", root);
    snprintf(command, sizeof command, "exec %s %s >/dev/null 2>%s", program(), options, log);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0 && wait4(pid, &status, 0, &use) == pid);
    tac_buf_clear(said);
    assert_ok(tac_file_read(said, log, 1 << 20, &err), err);
    if (status)
        fail_msg("%s: %s", options, said->data);
    *peak = (size_t)use.ru_maxrss * 1024;
}

/* The bytes behind "memory " in what was said. */
static double planned(const struct tac_buf *said)
{
    static const char *const unit[] = {"kB", "MB", "GB"};
    const char *at = strstr(said->data, "; memory ");
    char *end;
    assert_non_null(at);
    double v = strtod(at + 9, &end);
    for (int i = 0; i < 3; i++) {
        v *= 1000;
        if (strncmp(end + 1, unit[i], 2) == 0)
            return v;
    }
    fail_msg("no bytes: %s", at);
    return 0;
}

/* AddressSanitizer's shadow is memory that no plan knows of. */
static bool plain_memory(void)
{
    const char *san = getenv("SAN");
    return !san || !*san;
}

static void check_plan(const char *options)
{
    char command[900];
    struct tac_buf said = {0};
    size_t peak;
    snprintf(command, sizeof command,
             "%s --model %s/m --task demo/task.yaml --data demo --threads 2", options, root);
    run(command, &peak, &said);
    double plan = planned(&said), ratio = (double)peak / plan;
    if (plain_memory() && !(ratio > 0.95 && ratio < 1.05))
        fail_msg("%s: planned %.1f MB, had %.1f MB", options, plan / 1e6, (double)peak / 1e6);
    tac_buf_release(&said);
}

static void make_model(const char *dtype)
{
    char command[600];
    struct tac_buf said = {0};
    size_t peak;
    snprintf(
        command, sizeof command,
        "init-model --layers 9 --width 576 --heads 8 --std 0.05 --tokenizer demo/tokenizer.json "
        "--out %s/m --dtype %s",
        root, dtype);
    run(command, &peak, &said);
    tac_buf_release(&said);
}

/* What a command has in memory at most is what it said before it began, within 5 %. */
static void check_plans(const char *dtype, const char *const *cases, size_t n)
{
    char options[300];
    make_model(dtype);
    for (size_t i = 0; i < n; i++) {
        snprintf(options, sizeof options,
                 "train --limit 6 --epochs 1 --batch 6 --tokens 10 --method %s --out %s/%zu",
                 cases[i], root, i);
        check_plan(options);
    }
    snprintf(options, sizeof options, "eval --adapter %s/0 --no-prompt --limit 100", root);
    check_plan(options);
}

static void plans_are_kept(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "prompt --init vocab --no-eval",
        "prefix --no-eval",
        "ia3 --no-eval",
        "prompt --init vocab --best --noise init,order --batch 2 --eval-limit 40",
        "full --batch 2 --no-eval",
    };
    check_plans("f32", cases, sizeof cases / sizeof *cases);
}

static void plans_are_kept_by_halves(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "prompt --init vocab --place end --no-eval",
        "lora:r=8 --no-eval",
        "full --optimizer adafactor --batch 2 --no-eval",
    };
    check_plans("f16", cases, sizeof cases / sizeof *cases);
}

/* A limit below what the largest batch needs: the plan says that it recomputes, and at what price;
 * the run keeps to it, and writes the same bytes. */
static void a_limit_is_kept_to(void **state)
{
    (void)state;
    char options[600];
    static const char *const common =
        "train --tokens 10 --init vocab --batch 16 --limit 16 --epochs 1 "
        "--no-eval --task demo/task.yaml --data demo";
    struct tac_buf said = {0};
    size_t free_peak, peak;
    make_model("f16");
    snprintf(options, sizeof options, "%s --model %s/m --out %s/free", common, root, root);
    run(options, &free_peak, &said);
    assert_null(strstr(said.data, "more work"));
    size_t limit = (size_t)planned(&said) - (10U << 20);
    snprintf(options, sizeof options, "%s --model %s/m --out %s/kept --memory %zu", common, root,
             root, limit);
    run(options, &peak, &said);
    assert_non_null(strstr(said.data, "% more work for the largest, the same bytes"));
    assert_non_null(strstr(said.data, "(--memory)"));
    if (plain_memory() && !(peak < limit && peak < free_peak))
        fail_msg("%zu bytes, the limit is %zu", peak, limit);
    snprintf(options, sizeof options,
             "cmp %s/free/adapter_model.safetensors %s/kept/adapter_model.safetensors", root, root);
    assert_int_equal(system(options), 0);
    tac_buf_release(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(available, make_root, remove_root),
        cmocka_unit_test(in_memory),
        cmocka_unit_test_setup_teardown(plans_are_kept, make_root, remove_root),
        cmocka_unit_test_setup_teardown(plans_are_kept_by_halves, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_limit_is_kept_to, make_root, remove_root),
    };
    return cmocka_run_group_tests_name("resident", tests, NULL, NULL);
}

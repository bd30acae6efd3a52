/* format/yaml: the tree, its limits, the messages of the getters. */
#include "check.h"

#include "format/yaml.h"

static struct tac_yaml_doc parse(const char *text)
{
    struct tac_yaml_doc d;
    struct tacit_err err;
    assert_ok(tac_yaml_parse(&d, text, strlen(text), "t.yaml", &err), err);
    return d;
}

static void refused(const char *text, size_t n, const char *message)
{
    struct tac_yaml_doc d;
    struct tacit_err err = {0};
    assert_fails(tac_yaml_parse(&d, text, n, "t.yaml", &err), TACIT_EINPUT, err, message);
    assert_null(d.root);
    assert_null(d.arena.head);
}

#define REFUSED(text, message) refused(text, sizeof(text) - 1, message)

static void reads_a_tree(void **state)
{
    (void)state;
    struct tac_yaml_doc d = parse("# a task\nname: rte\nlist:\n  - 1\n  - \"1\"\n  - {a: b}\n"
                                  "map:\n  yes: ' No'\n  x: |\n    two\n    lines\n  none:\n");
    const struct tac_yaml *list = tac_yaml_find(d.root, "list"),
                          *map = tac_yaml_find(d.root, "map");
    assert_int_equal(d.root->n, 3);
    assert_int_equal(list->kind, TAC_YAML_LIST);
    assert_int_equal(list->line, 3);
    assert_int_equal(list->n, 3);
    assert_true(list->first->plain && !list->first->next->plain);
    assert_string_equal(list->first->next->text, "1");
    assert_int_equal(list->first->next->line, 5);
    assert_string_equal(tac_yaml_find(list->first->next->next, "a")->text, "b");
    assert_string_equal(tac_yaml_find(map, "yes")->text, " No");
    assert_string_equal(tac_yaml_find(map, "x")->text, "two\nlines\n");
    assert_int_equal(tac_yaml_find(map, "x")->line, 9);
    assert_string_equal(tac_yaml_find(map, "none")->text, "");
    assert_null(tac_yaml_find(map, "no"));
    assert_null(tac_yaml_find(list, "no"));
    tac_yaml_release(&d);
}

static void gets_values(void **state)
{
    (void)state;
    struct tac_yaml_doc d = parse("s: text\ni: -3\nb: false\nl: []\nm: {}\n");
    struct tacit_err err;
    const char *s;
    int64_t i;
    bool b;
    const struct tac_yaml *v;
    assert_ok(tac_yaml_get_string(&s, &d, d.root, "s", &err), err);
    assert_string_equal(s, "text");
    assert_ok(tac_yaml_get_int(&i, &d, d.root, "i", -3, 3, &err), err);
    assert_int_equal(i, -3);
    assert_ok(tac_yaml_get_bool(&b, &d, d.root, "b", &err), err);
    assert_false(b);
    assert_ok(tac_yaml_get_list(&v, &d, d.root, "l", &err), err);
    assert_ok(tac_yaml_get_map(&v, &d, d.root, "m", &err), err);
    assert_fails(tac_yaml_get_string(&s, &d, d.root, "l", &err), TACIT_EINPUT, err,
                 "t.yaml:4: key 'l': expected a text, found a list");
    assert_fails(tac_yaml_get_string(&s, &d, d.root, "x", &err), TACIT_EINPUT, err,
                 "t.yaml:1: key 'x' is missing: expected a text");
    assert_fails(tac_yaml_get_int(&i, &d, d.root, "i", 0, 9, &err), TACIT_EINPUT, err,
                 "t.yaml:2: key 'i': expected an integer from 0 to 9, found '-3'");
    assert_fails(tac_yaml_get_bool(&b, &d, d.root, "s", &err), TACIT_EINPUT, err, "true or false");
    assert_fails(tac_yaml_get_list(&v, &d, d.root, "m", &err), TACIT_EINPUT, err,
                 "t.yaml:5: key 'm': expected a list, found a map");
    assert_fails(tac_yaml_get_map(&v, &d, d.root, "s", &err), TACIT_EINPUT, err, "a map");
    tac_yaml_release(&d);
}

static void names_unknown_keys(void **state)
{
    (void)state;
    static const char *const known[] = {"name", "data", NULL};
    struct tac_yaml_doc d = parse("name: x\ndata: y\n");
    struct tacit_err err;
    assert_ok(tac_yaml_check_keys(&d, d.root, known, &err), err);
    tac_yaml_release(&d);
    d = parse("name: x\n\ndate: y\n");
    assert_fails(tac_yaml_check_keys(&d, d.root, known, &err), TACIT_EINPUT, err,
                 "t.yaml:3: unknown key 'date' (known: name, data)");
    tac_yaml_release(&d);
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    REFUSED("", "t.yaml:1: is empty");
    REFUSED("- a\n", "t.yaml:1: expected a map");
    REFUSED("a: &x 1\nb: *x\n", "t.yaml:2: aliases are not supported");
    REFUSED("a: !!str 1\n", "t.yaml:1: tags are not supported");
    REFUSED("a: !x [1]\n", "tags are not supported");
    REFUSED("a: 1\nb: 2\na: 3\n", "t.yaml:3: key 'a' stands in line 1 already");
    REFUSED("a: 1\n? [b]\n: 3\n", "t.yaml:2: expected a text as the key");
    REFUSED("a: 1\n---\nb: 2\n", "t.yaml:2: a second document begins here");
    REFUSED("a: \"\\0\"\n", "t.yaml:1: holds a NUL character");
    REFUSED("a: 1\nb: [\n", "is no valid YAML");
    REFUSED("a: 1\n  b: 2\n", "t.yaml:2: is no valid YAML");
    REFUSED("a: \xff\n", "is no valid YAML");
}

static void refuses_size_and_depth(void **state)
{
    (void)state;
    char deep[3 * TAC_YAML_DEPTH] = "a: ";
    memset(deep + 3, '[', TAC_YAML_DEPTH);
    memset(deep + 3 + TAC_YAML_DEPTH, ']', TAC_YAML_DEPTH);
    refused(deep, strlen(deep), "t.yaml:1: nested deeper than 32 levels");
    char *large = calloc(1, TAC_YAML_BYTES + 1);
    assert_non_null(large);
    memset(large, '\n', TAC_YAML_BYTES + 1);
    refused(large, TAC_YAML_BYTES + 1, "t.yaml: has 1048577 bytes");
    size_t at = 0;
    for (int i = 0; i <= TAC_YAML_KEYS; i++)
        at += (size_t)sprintf(large + at, "k%d: 1\n", i);
    refused(large, at, "t.yaml:4097: the map has too many keys");
    free(large);
}

int main(void)
{
    const struct CMUnitTest tree[] = {cmocka_unit_test(reads_a_tree), cmocka_unit_test(gets_values),
                                      cmocka_unit_test(names_unknown_keys)};
    const struct CMUnitTest bad[] = {cmocka_unit_test(refuses_what_it_does_not_know),
                                     cmocka_unit_test(refuses_size_and_depth)};
    return cmocka_run_group_tests_name("yaml: tree", tree, NULL, NULL) +
           cmocka_run_group_tests_name("yaml: refused", bad, NULL, NULL);
}

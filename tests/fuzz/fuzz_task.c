/* Task files: an accepted one renders a row that has some of the usual fields. */
#include "task/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(const struct tac_task *t)
{
    static const char text[] =
        "{\"premise\": \"A dog. \", \"hypothesis\": \"I ran.\", \"label\": 1, "
        "\"question\": \"cause\", \"target\": {\"span1_text\": \"x\"}}";
    struct tac_row row = {.line = 1};
    struct tac_scope scope = {.row = &row, .file = "row"};
    struct tac_buf out = {0};
    struct tacit_err err;
    size_t mark;
    if (tac_json_parse(&row.fields, text, sizeof text - 1, "row", &err) == TACIT_OK) {
        enum tacit_status s = tac_template_render(&out, &mark, &t->input, &scope, &err);
        TAC_CHECK(s || mark <= out.len);
        for (size_t i = 0; i < t->n_answer && !s; i++)
            s = tac_template_render(&out, NULL, &t->answer[i].text, &scope, &err);
    }
    json_decref(row.fields);
    tac_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tac_task *t;
    struct tacit_err err;
    if (tac_task_parse(&t, (const char *)data, size, "fuzz.yaml", &err) == TACIT_OK)
        render(t);
    tac_task_close(t);
    return 0;
}

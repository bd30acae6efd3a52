/* Train a prompt of a task and report what it came to. usage: train MODEL TASK.yaml DATA OUT */
#include <stdio.h>

#include "tacit.h"

static int report(void *ctx, const struct tacit_event *e)
{
    (void)ctx;
    if (e->kind == TACIT_EVENT_EVAL)
        printf("epoch %zu: accuracy %.4f\n", e->epoch, e->accuracy);
    return 0;
}

int main(int argc, char **argv)
{
    struct tacit_model *model = NULL;
    struct tacit_task *task = NULL;
    struct tacit_examples *train = NULL, *validation = NULL;
    struct tacit_model_options mo = tacit_model_options_default();
    struct tacit_examples_options eo = tacit_examples_options_default();
    struct tacit_train_options to = tacit_train_options_default();
    struct tacit_train_result result;
    struct tacit_progress progress = {report, NULL};
    struct tacit_err err;
    if (argc != 5) {
        fprintf(stderr, "usage: train MODEL TASK.yaml DATA OUT\n");
        return 2;
    }
    eo.labelled = 1;
    to.tokens = 8;
    to.epochs = 2;
    to.out = argv[4];
    enum tacit_status s = tacit_model_open(&model, argv[1], &mo, &err);
    if (!s)
        s = tacit_task_open(&task, argv[2], NULL, &err);
    if (!s)
        s = tacit_examples_load(&train, task, argv[3], "train", tacit_model_tokenizer(model), &eo,
                                &err);
    if (!s)
        s = tacit_examples_load(&validation, task, argv[3], "validation",
                                tacit_model_tokenizer(model), &eo, &err);
    if (!s)
        s = tacit_train(model, task, train, validation, &to, &result, &progress, &err);
    if (s)
        fprintf(stderr, "%s\n", err.msg);
    else
        printf("%llu steps, %zu parameters\n", (unsigned long long)result.steps, result.parameters);
    tacit_examples_free(train);
    tacit_examples_free(validation);
    tacit_task_close(task);
    tacit_model_close(model);
    return (int)s;
}

/* How probable is a continuation? usage: score MODEL TEXT TARGET */
#include <stdio.h>
#include <string.h>

#include "tacit.h"

int main(int argc, char **argv)
{
    struct tacit_model *model = NULL;
    struct tacit_model_options options = tacit_model_options_default();
    struct tacit_err err;
    struct tacit_query query = {0};
    int32_t *context = NULL, *target = NULL;
    double logprob[256], sum = 0;
    int status = 2;
    if (argc != 4) {
        fprintf(stderr, "usage: score MODEL TEXT TARGET\n");
        return 2;
    }
    if (tacit_model_open(&model, argv[1], &options, &err) ||
        tacit_encode_as(tacit_model_tokenizer(model), &context, &query.n_context, argv[2],
                        strlen(argv[2]), TACIT_TEXT_BEGINS, &err) ||
        tacit_encode_as(tacit_model_tokenizer(model), &target, &query.n_target, argv[3],
                        strlen(argv[3]), TACIT_TEXT_CONTINUES, &err))
        goto failed;
    query.context = context;
    query.target = target;
    if (query.n_target > sizeof logprob / sizeof *logprob) {
        fprintf(stderr, "the target is too long\n");
        goto out;
    }
    if (tacit_score(model, logprob, NULL, NULL, &query, 1, NULL, &err))
        goto failed;
    for (size_t i = 0; i < query.n_target; i++)
        sum += logprob[i];
    printf("%.6f\n", sum);
    status = 0;
    goto out;
failed:
    fprintf(stderr, "%s\n", err.msg);
out:
    tacit_free(context);
    tacit_free(target);
    tacit_model_close(model);
    return status;
}

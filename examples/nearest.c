/* The word nearest to each token of a trained prompt. usage: nearest MODEL ADAPTER */
#include <stdio.h>

#include "tacit.h"

int main(int argc, char **argv)
{
    struct tacit_model *model = NULL;
    struct tacit_adapter *adapter = NULL;
    struct tacit_explain *reading = NULL;
    struct tacit_model_options mo = tacit_model_options_default();
    struct tacit_explain_options eo = tacit_explain_options_default();
    struct tacit_err err;
    if (argc != 3) {
        fprintf(stderr, "usage: nearest MODEL ADAPTER\n");
        return 2;
    }
    eo.k = 1;
    eo.controls = 0;
    enum tacit_status s = tacit_model_open(&model, argv[1], &mo, &err);
    if (!s)
        s = tacit_adapter_open(&adapter, argv[2], model, &err);
    if (!s)
        s = tacit_explain(&reading, model, adapter, &eo, &err);
    for (size_t i = 0; !s && i < tacit_explain_count(reading); i++) {
        const struct tacit_reading *r = tacit_explain_get(reading, i);
        printf("%zu '%s' -> '%s' (%.3f)\n", i + 1, r->init_text, r->view[0].neighbor[0].text,
               r->view[0].neighbor[0].cosine);
    }
    if (s)
        fprintf(stderr, "%s\n", err.msg);
    tacit_explain_free(reading);
    tacit_adapter_close(adapter);
    tacit_model_close(model);
    return (int)s;
}

/* The page, and tables as HTML and TSV. */
#ifndef TAC_REPORT_PAGE_H
#define TAC_REPORT_PAGE_H

#include "report/figure.h"

/* tac_table_html: a scrolling box with the table's first `most` rows. */
void tac_table_html(struct tac_out *o, const struct tac_rep_table *t, size_t most);
/* tac_table_tsv: a header of the columns' names, then the rows; numbers as stored (the shortest
 * decimal that reads back the same), null as an empty cell. */
void tac_table_tsv(struct tac_out *o, const struct tac_rep_table *t);
void tac_claims_tsv(struct tac_out *o, const struct tac_rep *r);
void tac_tasks_tsv(struct tac_out *o, const struct tac_rep *r);
void tac_meta_tsv(struct tac_out *o, const struct tac_rep *r);

/* tac_page_number: a cell's content and attributes for a number: "title" has it in full where what
 * is shown is rounded. Ends the element named `element`'s opening tag. */
void tac_page_number(struct tac_out *o, double v, enum tac_rep_type type);

/* tac_page_claims: the table of claims. */
void tac_page_claims(struct tac_out *o, const struct tac_rep *r);
/* tac_page: the whole document. fig: the figure of each of r's tables, without panels where there
 * is none. */
void tac_page(struct tac_out *o, const struct tac_rep *r, const struct tac_fig *fig);

#endif

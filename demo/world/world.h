/* The micro-world: people, places, things, and what can be said and asked about them. `build/world`
 * writes the corpus that the embedded model is pretrained on, and the tasks that are asked of it.
 *
 *   text.c    random numbers and text        words.c  inventories, what is held out
 *   items.c   inputs and their answers: pronouns, senses, lists; with pairs.c and passages.c
 *   ask.c     families of questions and their wordings
 *   plain.c   narrative text and skills      corpus.c the documents in the order of training
 *   tasks.c   the downstream tasks           main.c   the command line
 *
 * Integers only, and no order of evaluation left to the compiler: the same bytes on every machine.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

/* ---- text.c ---- */

/* A splitmix64 generator (Steele, Lea, Flood 2014); every document has its own, so that one
 * document's draws move no other's. */
struct rng {
    uint64_t state;
};

struct rng rng_init(uint64_t seed, uint64_t stream, uint64_t substream);
int rng_below(struct rng *r, int n); /* uniform in [0, n); n > 0 */
bool rng_percent(struct rng *r, int percent);

/* Text of bounded length; an overflow is our mistake and ends the program. */
struct text {
    char s[640];
    int n;
};

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
__attribute__((format(printf, 2, 3))) void add(struct text *t, const char *format, ...);
__attribute__((format(printf, 2, 3))) void set(struct text *t, const char *format, ...);
void capitalise(struct text *t, int at); /* the ASCII letter at byte `at` */
void print_json(FILE *f, const char *s); /* with its quotes */
uint64_t hash_text(const char *s);

/* A template's slots: `{x}` is replaced by the value whose name is 'x'; values may be null where
 * the template has no such slot. */
struct slot {
    char name;
    const char *value;
};
void add_filled(struct text *t, const char *template, const struct slot *slots, int n);

/* A set of text hashes, for what must not be said twice. Zeroed is empty. */
enum { SET_SIZE = 1 << 15 };
struct hash_set {
    uint64_t at[SET_SIZE];
    int n;
};
bool hash_set_has(const struct hash_set *set, uint64_t hash);
void hash_set_add(struct hash_set *set, uint64_t hash);

/* ---- words.c ---- */

struct word {
    const char *en, *zh;
};
enum thing_class { THING, TOOL, FRUIT, FLOWER, ANIMAL, CLASSES };
struct thing {
    const char *en, *zh;
    enum thing_class is;
};
struct verb {
    const char *past, *participle, *zh;
};
struct opposite {
    struct word a, b;
};
struct converse {
    const char *give, *get; /* "X give Y the rope" is "Y get the rope from X" */
};

/* Names: first those of the training sets, then those of dev and test, last those of dev and test
 * that no document has. [0] men, [1] women. */
enum { TRAIN_NAMES = 10, CORPUS_NAMES = 18, NAMES = 22 };
extern const char *const name_of[2][NAMES];

/* Things without animals come first. */
enum { PLACES = 12, THINGS = 29, NOUNS = 37, COLOURS = 6, TIMES = 7, NUMBERS = 8 };
extern const struct word place_of[PLACES], colour_of[COLOURS], time_of[TIMES], class_of[CLASSES];
extern const struct thing thing_of[NOUNS];
extern const char *const number_of[NUMBERS]; /* one, two, ... */

/* The first COMPLEMENTS pairs are such that what is not the one is the other. */
enum { OPPOSITES = 16, COMPLEMENTS = 8, COMPARISONS = 6, THING_VERBS = 8, PEOPLE_VERBS = 8 };
enum { CONVERSES = 4 };
extern const struct opposite opposite_of[OPPOSITES], comparison_of[COMPARISONS];
extern const struct verb thing_verb[THING_VERBS], people_verb[PEOPLE_VERBS];
extern const struct converse converse_of[CONVERSES];

/* "A verb B because he clause": the clauses of role 0 are about A, those of role 1 about B. Most
 * clauses have another role beside the verbs of another group, so that the verb counts. */
enum { GROUPS = 15, PEOPLE_GROUPS = 12, GROUP_VERBS = 3, ROLE_CLAUSES = 3, CONTAINERS = 6 };
struct group {
    const char *verb[GROUP_VERBS];
    const char *clause[2][ROLE_CLAUSES];
};
extern const struct group group_of[GROUPS]; /* the last three are about things, "it" */
extern const struct word container_of[CONTAINERS];

/* A word with two senses. A sense belongs to a domain, whose frames fit every word of it; two
 * contexts are its own. Same sense and same domain are the same, so a word that no document has can
 * still be judged by what stands around it. */
enum { DOMAINS = 14, FRAMES = 6, OWN_FRAMES = 2, CONTEXTS = FRAMES + OWN_FRAMES };
enum { FREQUENT_WORDS = 12, CORPUS_WORDS = 20, AMBIGUOUS = 26 };
struct domain {
    const char *name; /* the answer to: what is this about? */
    const char *frame[FRAMES];
};
struct sense {
    int domain;
    const char *zh;
    const char *own[OWN_FRAMES];
};
struct ambiguous {
    const char *en;
    struct sense sense[2];
};
extern const struct domain domain_of[DOMAINS];
extern const struct ambiguous ambiguous_of[AMBIGUOUS];

/* Scripts: the second event follows the first. {x} is a person. */
enum { SCRIPTS = 14 };
struct script {
    const char *first, *next, *then;
};
extern const struct script script_of[SCRIPTS];

/* What no document says: a thing in a place, a clause after a verb, a rare word in a context. */
bool pair_reserved(int place, int thing);
bool clause_reserved(int group, int verb, int role, int clause);
bool context_reserved(int word, int context);
/* One of the names and words that no document has, as a word of its own. */
bool has_held_out_word(const char *text);
/* Ends the program when the text has a held-out name or word, or one of its sentences a reserved
 * place and thing or verb and clause. */
void check_held_out(const char *text);

const char *article(const char *noun); /* a, an */

/* ---- items.c ---- */

enum family {
    /* two statements */
    F_ENTAIL,
    F_REVERSE,
    F_SAME_PERSON,
    F_SAME_PLACE,
    F_SAME_THING,
    F_COLOUR2,
    F_TIME1,
    F_SHORTER2,
    F_OPPOSITE,
    F_NEXT,
    F_WHO1,
    F_WHERE1,
    F_WHAT1,
    F_WHO2,
    /* a pronoun in a text */
    F_PRONOUN,
    F_OTHER,
    F_NAMED_FIRST,
    F_NAMED_LAST,
    F_HAS_TIME,
    F_HAS_PLACE,
    F_WHO_IS_MEANT,
    F_FIRST_NAME,
    F_LAST_NAME,
    /* a word in two sentences */
    F_SENSE,
    F_DIFFERENT,
    F_SENSE_PERSON,
    F_SENSE_TIME2,
    F_SENSE_PERSON1,
    F_SENSE_START,
    F_TOPIC1,
    F_TOPIC2,
    F_CHINESE1,
    /* a question and a passage */
    F_STORY,
    F_STORY_NO,
    F_ASKS_PERSON,
    F_ASKS_PLACE,
    F_ASKS_FIRST,
    F_STORY_COLOUR,
    F_STORY_TIME,
    F_MORE,
    F_ANSWER,
    /* a class and a list */
    F_MEMBER,
    F_LIST_FIRST,
    F_LIST_LAST,
    F_LIST_COUNT,
    F_LIST_WORD1,
    F_LIST_WORDN,
    F_LIST_ONE,
    /* one line: plain.c */
    F_COPY,
    F_CLASS,
    F_OPPOSITE_WORD,
    F_NEXT_EVENT,
    F_TO_CHINESE,
    F_TO_ENGLISH,
    F_TOPIC,
    FAMILIES
};

/* Forms of inputs. FORM_ASK is FORM_STORY with a who, what or where question. */
enum form { FORM_PAIR, FORM_PRONOUN, FORM_SENSE, FORM_STORY, FORM_ASK, FORM_LIST, FORM_LINE };

/* Who is speaking: the corpus, a task's training set, its dev and test sets. */
enum use { FOR_CORPUS, FOR_TRAIN, FOR_EVAL };

struct world {
    struct rng rng;
    enum use use;
    /* Percent of stories with one fact, with three; of "no" whose value no fact has. */
    int one_fact, three_facts, easy;
};

struct question {
    struct text ask, answer;
};

/* An input and every answer to it that is known. */
enum { ITEM_FIELDS = 3, ITEM_QUESTIONS = 4 };
struct item {
    enum form form;
    const char *kind;                     /* of entailment, of story ... */
    struct text field[ITEM_FIELDS];       /* the parts of the input, in its order */
    signed char yes[FAMILIES];            /* 1 yes, 0 no, -1 not to be asked */
    struct text say[FAMILIES];            /* the answer in words; empty: not to be asked */
    struct question also[ITEM_QUESTIONS]; /* of a story: who, what and where */
    int questions;
};

void clear_item(struct item *item, enum form form, const char *kind);
const char *person(int i);
int draw_person(struct world *w); /* people are numbered: NAMES for a woman, and the name's index */
int kinds_of(enum form form);
void make_item(struct world *w, enum form form, int kind, struct item *item);
/* An item with the wanted answer to a family that is answered by yes or no; with any answer where
 * want is -1 or the family is answered in words. */
void draw_item(struct world *w, enum family family, int want, struct item *item);
void item_input(const struct item *item, struct text *t);

/* What the makers of items share: n different numbers; one other than `but`; n different people, of
 * one gender where it is not -1; a place for a thing, reserved for it in half of dev and test and
 * never elsewhere; another such. */
void draw_distinct(struct rng *r, int *out, int n, int of);
int other_than(struct rng *r, int but, int of);
void draw_people(struct world *w, int *out, int n, int gender);
int draw_place(struct world *w, int thing);
int other_place(struct world *w, int thing, int but);
bool same(int a, int b); /* the same number, and not -1 */

/* ---- pairs.c, passages.c ---- */

enum { PAIR_KINDS = 11 };
void make_pair(struct world *w, int kind, struct item *item);
void make_passage(struct world *w, int kind, struct item *item);
/* One of the passage's who, what and where questions takes the place of the yes/no question. */
void make_ask(struct world *w, int kind, struct item *item);

/* ---- ask.c ---- */

enum group_name {
    G_PLAIN,
    G_SKILL,
    G_EXTRACT,
    G_ANSWER,
    G_ENTAIL,
    G_PRONOUN,
    G_SENSE,
    G_STORY,
    G_SIBLING,
    FAMILY_GROUPS
};

struct family_row {
    const char *name;
    enum form form;
    enum group_name group;
    int weight;             /* inside its group, and among the questions on one input */
    int bare;               /* weight among documents without instruction */
    const char *const *ask; /* wordings, the simplest first; ends with NULL */
    const char *const *zh;  /* Chinese wordings, may be NULL */
};
extern const struct family_row family_of[FAMILIES];

/* How freely an instruction is worded. */
struct wording {
    int wordings; /* how many of a family's wordings, and of the words in their slots, are in use */
    int answers;  /* percent of yes/no questions whose answer words are other than yes and no */
    int chinese;  /* percent of instructions that are Chinese, where the family has such */
};

/* Writes an instruction and the answer that the item has for it. */
void add_instruction(struct rng *r, const struct wording *how, enum family family,
                     const struct item *item, struct text *ask, struct text *answer);

/* ---- plain.c ---- */

void plain_text(struct world *w, struct text *t);
/* An item of form FORM_LINE: one line and its answer. */
void make_line(struct world *w, enum family family, struct item *item);

/* ---- corpus.c, tasks.c ---- */

int world_corpus(const char *plan, uint64_t seed, uint64_t tasks_seed, int64_t documents);
int world_tasks(const char *dir, uint64_t seed);
/* Adds every input of every split of every task that the corpus was made without. */
void tasks_inputs(uint64_t seed, struct hash_set *inputs);
/* The descriptions and paraphrases of the tasks and of those retired, which no document has; NULL
 * after the last. */
const char *reserved_wording(int i);

#endif

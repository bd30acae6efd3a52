/* A question and a passage of up to three facts. */
#include "world.h"

#include <string.h>

/* A fact of a passage: who or what (subject), and what is said of it. */
struct fact {
    int subject, value, thing;
};
enum story_kind { STORY_WHERE, STORY_GO, STORY_HAVE, STORY_TIME, STORY_MORE, STORY_KINDS };
static const char *const story_kind_name[] = {"where", "go", "have", "time", "more"};
enum { FACTS = 3 };

struct story {
    enum story_kind kind;
    int n, who; /* facts; of whom the times are told */
    struct fact fact[FACTS];
};

static void draw_story(struct world *w, enum story_kind kind, struct story *s)
{
    int value[FACTS], subject[FACTS], thing[FACTS];
    s->kind = kind;
    s->n = 2;
    if (rng_percent(&w->rng, w->three_facts))
        s->n = 3;
    else if (rng_percent(&w->rng, w->one_fact))
        s->n = 1;
    draw_distinct(&w->rng, thing, FACTS, THINGS);
    draw_distinct(&w->rng, value, FACTS, kind == STORY_HAVE ? COLOURS : PLACES);
    draw_distinct(&w->rng, subject, FACTS, kind == STORY_WHERE ? THINGS : TIMES);
    if (kind == STORY_GO || kind == STORY_HAVE)
        draw_people(w, subject, FACTS, -1);
    s->who = draw_person(w);
    for (int i = 0; i < FACTS; i++)
        s->fact[i] = (struct fact){subject[i], value[i], thing[i]};
}

/* No thing of the story stands beside a place that is reserved for it, not even in a question. */
static bool pairs_allowed(const struct story *s)
{
    for (int i = 0; i < FACTS; i++)
        for (int k = 0; k < FACTS; k++)
            if (pair_reserved(s->fact[k].value, s->fact[i].subject))
                return false;
    return true;
}

/* Moves a thing of the story; true where its new place is reserved for it. */
static bool reserve_pair(struct world *w, struct story *s)
{
    int place = rng_below(&w->rng, PLACES), i = rng_below(&w->rng, s->n);
    for (int k = 0; k < FACTS; k++)
        if (k != i && s->fact[k].value == place)
            return false;
    s->fact[i].value = place;
    return pair_reserved(place, s->fact[i].subject);
}

/* In dev and test half of the stories on things in places have a reserved pair, elsewhere none. */
static void draw_places(struct world *w, struct story *s)
{
    bool reserve = w->use == FOR_EVAL && rng_percent(&w->rng, 50);
    bool allowed = false;
    while (!allowed) {
        int place[FACTS];
        draw_distinct(&w->rng, place, FACTS, PLACES);
        for (int i = 0; i < FACTS; i++)
            s->fact[i].value = place[i];
        allowed = reserve ? reserve_pair(w, s) : w->use == FOR_EVAL || pairs_allowed(s);
    }
}

static void add_fact(struct text *t, const struct story *s, const struct fact *f)
{
    struct text time;
    switch (s->kind) {
    case STORY_WHERE:
        add(t, "The %s is in the %s.", thing_of[f->subject].en, place_of[f->value].en);
        break;
    case STORY_GO:
        add(t, "%s went to the %s.", person(f->subject), place_of[f->value].en);
        break;
    case STORY_HAVE:
        add(t, "%s has a %s %s.", person(f->subject), colour_of[f->value].en,
            thing_of[f->thing].en);
        break;
    default:
        set(&time, "%s", time_of[f->subject].en);
        capitalise(&time, 0);
        add(t, "%s %s was in the %s.", time.s, person(s->who), place_of[f->value].en);
    }
}

/* The question whether the fact's subject has the value. */
static void add_yes_no(struct rng *r, struct text *t, const struct story *s, const struct fact *f,
                       const struct fact *value)
{
    const char *place = place_of[value->value].en;
    switch (s->kind) {
    case STORY_WHERE:
        add(t, "Is the %s in the %s?", thing_of[f->subject].en, place);
        break;
    case STORY_GO:
        add(t, "Is %s in the %s?", person(f->subject), place);
        break;
    case STORY_HAVE:
        if (rng_percent(r, 50))
            add(t, "Is the %s %s?", thing_of[f->thing].en, colour_of[value->value].en);
        else if (rng_percent(r, 50))
            add(t, "Does %s have a %s thing?", person(f->subject), colour_of[value->value].en);
        else
            add(t, "Does %s have the %s?", person(f->subject), thing_of[value->thing].en);
        break;
    default:
        add(t, "Was %s in the %s %s?", person(s->who), place, time_of[f->subject].en);
    }
}

static struct question *new_question(struct item *item)
{
    return &item->also[item->questions++];
}

/* The who, what and where questions on one fact. */
static void ask_fact(struct item *item, const struct story *s, const struct fact *f)
{
    struct question *a = new_question(item), *b = new_question(item);
    const char *place = place_of[f->value].en, *thing = thing_of[f->thing].en;
    switch (s->kind) {
    case STORY_WHERE:
        set(&a->ask, "Where is the %s?", thing_of[f->subject].en);
        set(&a->answer, "in the %s", place);
        set(&b->ask, "What is in the %s?", place);
        set(&b->answer, "the %s", thing_of[f->subject].en);
        break;
    case STORY_GO:
        set(&a->ask, "Where is %s?", person(f->subject));
        set(&a->answer, "in the %s", place);
        set(&b->ask, "Who is in the %s?", place);
        set(&b->answer, "%s", person(f->subject));
        break;
    case STORY_HAVE:
        set(&a->ask, "What colour is the %s?", thing);
        set(&a->answer, "%s", colour_of[f->value].en);
        set(&b->ask, "Who has the %s?", thing);
        set(&b->answer, "%s", person(f->subject));
        break;
    default:
        set(&a->ask, "Where was %s %s?", person(s->who), time_of[f->subject].en);
        set(&a->answer, "in the %s", place);
        set(&b->ask, "When was %s in the %s?", person(s->who), place);
        set(&b->answer, "%s", time_of[f->subject].en);
    }
}

static void add_passage(struct text *t, const struct story *s)
{
    for (int i = 0; i < s->n; i++) {
        if (i)
            add(t, " ");
        add_fact(t, s, &s->fact[i]);
    }
}

/* A value that the fact does not have: another fact's, or one that the passage does not name. */
static struct fact wrong_value(struct world *w, const struct story *s, int asked)
{
    struct fact f = s->fact[asked];
    if (s->n > 1 && !rng_percent(&w->rng, w->easy))
        return s->fact[(asked + 1 + rng_below(&w->rng, s->n - 1)) % s->n];
    bool again = true;
    while (again) {
        f.value = s->kind == STORY_HAVE ? rng_below(&w->rng, COLOURS) : rng_below(&w->rng, PLACES);
        f.thing = rng_below(&w->rng, THINGS);
        again = s->kind == STORY_WHERE && w->use != FOR_EVAL && pair_reserved(f.value, f.subject);
        for (int i = 0; i < s->n; i++)
            again |= s->fact[i].value == f.value || s->fact[i].thing == f.thing;
    }
    return f;
}

static void make_story(struct world *w, enum story_kind kind, struct item *item)
{
    struct story s;
    draw_story(w, kind, &s);
    if (kind == STORY_WHERE)
        draw_places(w, &s);
    int asked = rng_below(&w->rng, s.n), also = rng_below(&w->rng, s.n);
    bool truth = rng_percent(&w->rng, 50);
    struct fact value = truth ? s.fact[asked] : wrong_value(w, &s, asked);
    add_yes_no(&w->rng, &item->field[0], &s, &s.fact[asked], &value);
    add_passage(&item->field[1], &s);
    ask_fact(item, &s, &s.fact[also]);
    if (s.n > 1)
        ask_fact(item, &s, &s.fact[(also + 1) % s.n]);
    const char *q = item->field[0].s;
    item->yes[F_STORY] = truth;
    item->yes[F_STORY_NO] = !truth;
    item->yes[F_ASKS_PERSON] = kind != STORY_WHERE && strncmp(q, "Is the", 6) != 0;
    item->yes[F_ASKS_PLACE] = kind != STORY_HAVE;
    item->yes[F_ASKS_FIRST] = asked == 0;
    item->yes[F_STORY_COLOUR] = kind == STORY_HAVE;
    item->yes[F_STORY_TIME] = kind == STORY_TIME;
}

static void make_more(struct world *w, struct item *item)
{
    static const int countable[] = {0, 1, 2, 3, 5, 8, 10, 12, 14, 15, 17, 18, 23, 24};
    int who[3], n[3], thing = countable[rng_below(&w->rng, COUNT(countable))];
    int people = w->use == FOR_CORPUS && rng_percent(&w->rng, 50) ? 2 : 3;
    draw_people(w, who, 3, -1);
    draw_distinct(&w->rng, n, 3, NUMBERS - 1);
    int a = rng_below(&w->rng, people), b = (a + 1 + rng_below(&w->rng, people - 1)) % people;
    const char *name = thing_of[thing].en;
    bool more = rng_percent(&w->rng, 50);
    set(&item->field[0], "Does %s have %s %ss than %s?", person(who[a]), more ? "more" : "fewer",
        name, person(who[b]));
    for (int i = 0; i < people; i++)
        add(&item->field[1], "%s%s has %s %ss.", i ? " " : "", person(who[i]), number_of[n[i] + 1],
            name);
    item->yes[F_MORE] = more ? n[a] > n[b] : n[a] < n[b];
    item->yes[F_ASKS_FIRST] = a == 0;
    item->yes[F_STORY_COLOUR] = item->yes[F_STORY_TIME] = item->yes[F_ASKS_PLACE] = false;
    struct question *q = new_question(item);
    set(&q->ask, "How many %ss does %s have?", name, person(who[a]));
    set(&q->answer, "%s", number_of[n[a] + 1]);
}

void make_passage(struct world *w, int kind, struct item *item)
{
    item->kind = story_kind_name[kind];
    if (kind == STORY_MORE)
        make_more(w, item);
    else
        make_story(w, kind, item);
}

/* One of the passage's other questions takes the place of the yes/no question. */
void make_ask(struct world *w, int kind, struct item *item)
{
    make_passage(w, kind, item);
    int i = rng_below(&w->rng, item->questions);
    item->field[0] = item->also[i].ask;
    memset(item->yes, -1, sizeof item->yes);
    item->say[F_ANSWER] = item->also[i].answer;
    item->questions = 0;
}

/* Two statements: does the second follow from the first, and what else they share. */
#include "world.h"

#include <string.h>

/* What a statement names; -1: none of these. */
struct facts {
    int who[2], verb, thing, colour, place, time;
};
static const struct facts no_facts = {{-1, -1}, -1, -1, -1, -1, -1};

struct statement {
    struct text text;
    struct facts facts;
};

static bool shares_person(const struct facts *a, const struct facts *b)
{
    return same(a->who[0], b->who[0]) || same(a->who[0], b->who[1]) || same(a->who[1], b->who[0]) ||
           same(a->who[1], b->who[1]);
}

/* The questions that every pair of statements admits. */
static void ask_pair(struct item *item, const struct facts *a, const struct facts *b)
{
    item->yes[F_SAME_PERSON] = shares_person(a, b);
    item->yes[F_SAME_PLACE] = same(a->place, b->place);
    item->yes[F_SAME_THING] = same(a->thing, b->thing);
    item->yes[F_COLOUR2] = b->colour >= 0;
    item->yes[F_TIME1] = a->time >= 0;
    item->yes[F_SHORTER2] = item->field[1].n < item->field[0].n;
    if (a->who[0] >= 0)
        set(&item->say[F_WHO1], "%s", person(a->who[0]));
    if (b->who[0] >= 0)
        set(&item->say[F_WHO2], "%s", person(b->who[0]));
    if (a->place >= 0)
        set(&item->say[F_WHERE1], "%s", place_of[a->place].en);
    if (a->thing >= 0)
        set(&item->say[F_WHAT1], "%s", thing_of[a->thing].en);
}

/* a entails b: ab, b entails a: ba. */
static void set_pair(struct world *w, struct item *item, const struct statement *a,
                     const struct statement *b, bool ab, bool ba)
{
    bool swap = rng_percent(&w->rng, 25);
    const struct statement *first = swap ? b : a, *second = swap ? a : b;
    item->field[0] = first->text;
    item->field[1] = second->text;
    item->yes[F_ENTAIL] = swap ? ba : ab;
    item->yes[F_REVERSE] = swap ? ab : ba;
    ask_pair(item, &first->facts, &second->facts);
}

static void write_event(struct statement *s, const char *who, bool time_first)
{
    const struct facts *f = &s->facts;
    bool front = time_first && f->time >= 0;
    const char *thing = thing_of[f->thing].en,
               *colour = f->colour < 0 ? "" : colour_of[f->colour].en;
    set(&s->text, "%s%s", front ? time_of[f->time].en : "", front ? ", " : "");
    capitalise(&s->text, 0);
    add(&s->text, "%s %s the %s%s%s", who, thing_verb[f->verb].past, colour, *colour ? " " : "",
        thing);
    if (f->place >= 0)
        add(&s->text, " in the %s", place_of[f->place].en);
    if (f->time >= 0 && !front)
        add(&s->text, " %s", time_of[f->time].en);
    add(&s->text, ".");
}

/* Everything that b says, a says too. */
static bool covers(const struct facts *a, const struct facts *b)
{
    return a->who[0] == b->who[0] && a->verb == b->verb && a->thing == b->thing &&
           (b->colour < 0 || a->colour == b->colour) && (b->place < 0 || a->place == b->place) &&
           (b->time < 0 || a->time == b->time);
}

static struct facts draw_event(struct world *w)
{
    struct facts f = no_facts;
    f.who[0] = draw_person(w);
    f.verb = rng_below(&w->rng, THING_VERBS);
    f.thing = rng_below(&w->rng, THINGS);
    int without = rng_below(&w->rng, 3); /* two of three modifiers */
    if (without != 0)
        f.colour = rng_below(&w->rng, COLOURS);
    if (without != 1)
        f.place = draw_place(w, f.thing);
    if (without != 2)
        f.time = rng_below(&w->rng, TIMES);
    return f;
}

static void change_modifier(struct world *w, struct facts *f)
{
    int which = rng_below(&w->rng, 3);
    if (which == 0 && f->colour >= 0)
        f->colour = other_than(&w->rng, f->colour, COLOURS);
    else if (which == 1 && f->place >= 0)
        f->place = other_place(w, f->thing, f->place);
    else if (f->time >= 0)
        f->time = other_than(&w->rng, f->time, TIMES);
    else
        f->colour = other_than(&w->rng, f->colour, COLOURS);
}

static void drop_modifier(struct rng *r, struct facts *f)
{
    int which = rng_below(r, 3);
    if (which == 0 || (which == 1 && f->place < 0) || (which == 2 && f->time < 0))
        f->colour = -1;
    else if (which == 1)
        f->place = -1;
    else
        f->time = -1;
}

static void add_modifier(struct world *w, struct facts *f)
{
    if (f->colour < 0)
        f->colour = rng_below(&w->rng, COLOURS);
    else if (f->time < 0)
        f->time = rng_below(&w->rng, TIMES);
    else if (f->place < 0)
        f->place = draw_place(w, f->thing);
}

static void change_core(struct world *w, struct facts *f)
{
    int which = rng_below(&w->rng, 3);
    if (which == 0)
        f->verb = other_than(&w->rng, f->verb, THING_VERBS);
    else if (which == 1) /* the place stays only where it may stand beside the new thing */
        f->thing = other_than(&w->rng, f->thing, THINGS);
    else
        f->who[0] = draw_person(w);
    if (which == 1 && w->use != FOR_EVAL && f->place >= 0 && pair_reserved(f->place, f->thing))
        f->place = -1;
}

/* Statements with fewer, more and other modifiers. */
static void make_modifiers(struct world *w, struct item *item)
{
    struct statement a = {.facts = draw_event(w)}, b = a;
    int edit = rng_below(&w->rng, 10);
    if (edit < 3)
        drop_modifier(&w->rng, &b.facts);
    else if (edit < 4)
        b.facts.colour = b.facts.place = b.facts.time = -1;
    else if (edit < 6)
        change_modifier(w, &b.facts);
    if (edit == 5 || edit >= 6)
        drop_modifier(&w->rng, &b.facts);
    if (edit == 6 || edit == 7)
        change_core(w, &b.facts);
    if (edit == 8)
        add_modifier(w, &b.facts);
    write_event(&a, person(a.facts.who[0]), rng_percent(&w->rng, 30));
    write_event(&b, person(b.facts.who[0]), rng_percent(&w->rng, 30));
    set_pair(w, item, &a, &b, covers(&a.facts, &b.facts), covers(&b.facts, &a.facts));
}

static void tail(struct statement *s)
{
    if (s->facts.time >= 0)
        add(&s->text, " %s", time_of[s->facts.time].en);
    add(&s->text, ".");
}

/* A pair of people in both statements; true where the second is to be true. */
static bool draw_roles(struct world *w, struct statement *a, struct statement *b)
{
    a->facts = no_facts;
    draw_people(w, a->facts.who, 2, -1);
    if (rng_percent(&w->rng, 40))
        a->facts.time = rng_below(&w->rng, TIMES);
    b->facts = a->facts;
    return rng_percent(&w->rng, 50);
}

/* The same where the second statement, if true, names the two the other way round. */
static bool draw_turned(struct world *w, struct statement *a, struct statement *b)
{
    bool truth = draw_roles(w, a, b);
    if (truth) {
        b->facts.who[0] = a->facts.who[1];
        b->facts.who[1] = a->facts.who[0];
    }
    return truth;
}

/* Ends both statements; without the time the second does not entail the first. */
static void set_turned(struct world *w, struct item *item, struct statement *a, struct statement *b,
                       bool truth)
{
    bool drop = a->facts.time >= 0 && rng_percent(&w->rng, 50);
    if (drop)
        b->facts.time = -1;
    tail(a);
    tail(b);
    set_pair(w, item, a, b, truth, truth && !drop);
}

/* "X gave Y the rope." "Y got the rope from X." */
static void make_converse(struct world *w, struct item *item)
{
    struct statement a = {0}, b = {0};
    bool truth = draw_turned(w, &a, &b);
    const struct converse *c = &converse_of[rng_below(&w->rng, CONVERSES)];
    const int *who = a.facts.who, *turned = b.facts.who;
    bool teach = c == &converse_of[3];
    if (teach) {
        add(&a.text, "%s taught %s a song", person(who[0]), person(who[1]));
        add(&b.text, "%s learned a song from %s", person(turned[0]), person(turned[1]));
    } else {
        a.facts.thing = b.facts.thing = rng_below(&w->rng, THINGS);
        const char *thing = thing_of[a.facts.thing].en;
        add(&a.text, "%s %s %s the %s", person(who[0]), c->give, person(who[1]), thing);
        add(&b.text, "%s %s the %s from %s", person(turned[0]), c->get, thing, person(turned[1]));
    }
    set_turned(w, item, &a, &b, truth);
}

/* "X greeted Y." "Y was greeted by X." */
static void make_passive(struct world *w, struct item *item)
{
    struct statement a = {0}, b = {0};
    bool truth = draw_turned(w, &a, &b);
    const struct verb *v = &people_verb[rng_below(&w->rng, PEOPLE_VERBS)];
    const int *who = a.facts.who, *turned = b.facts.who;
    add(&a.text, "%s %s %s", person(who[0]), v->past, person(who[1]));
    add(&b.text, "%s was %s by %s", person(turned[0]), v->participle, person(turned[1]));
    set_turned(w, item, &a, &b, truth);
}

/* "X is older than Y." "Y is younger than X." */
static void make_comparison(struct world *w, struct item *item)
{
    struct statement a = {0}, b = {0};
    bool truth = draw_roles(w, &a, &b);
    const struct opposite *o = &comparison_of[rng_below(&w->rng, COMPARISONS)];
    int *who = a.facts.who;
    bool flip = rng_percent(&w->rng, 70), up = rng_percent(&w->rng, 50);
    a.facts.time = b.facts.time = -1;
    if (flip) { /* the other way round, with the other word where it is true */
        b.facts.who[0] = who[1];
        b.facts.who[1] = who[0];
    }
    bool same_word = flip ? !truth : truth;
    const char *said = up ? o->a.en : o->b.en, *other = up ? o->b.en : o->a.en;
    set(&a.text, "%s is %s than %s.", person(who[0]), said, person(who[1]));
    set(&b.text, "%s is %s than %s.", person(b.facts.who[0]), same_word ? said : other,
        person(b.facts.who[1]));
    if (!flip && truth) /* the same sentence twice says nothing */
        set(&b.text, "%s is not %s than %s.", person(who[0]), other, person(who[1]));
    set_pair(w, item, &a, &b, truth, !flip && truth ? false : truth);
}

/* "X saw a swan." "X saw an animal." */
static void make_class(struct world *w, struct item *item)
{
    struct statement a = {.facts = no_facts}, b;
    int thing = 16 + rng_below(&w->rng, NOUNS - 16), is = thing_of[thing].is; /* of a class */
    a.facts.who[0] = draw_person(w);
    a.facts.thing = thing;
    a.facts.place = rng_percent(&w->rng, 50) ? draw_place(w, thing) : -1;
    b = a;
    b.facts.thing = -1;
    bool truth = rng_percent(&w->rng, 55);
    if (!truth && rng_percent(&w->rng, 25))
        b.facts.who[0] = draw_person(w);
    else if (!truth)
        is = 1 + other_than(&w->rng, is - 1, CLASSES - 1);
    truth = is == (int)thing_of[thing].is && b.facts.who[0] == a.facts.who[0];
    if (rng_percent(&w->rng, 30))
        b.facts.place = -1;
    const char *kind = class_of[is].en, *member = thing_of[thing].en;
    set(&a.text, "%s saw %s %s", person(a.facts.who[0]), article(member), member);
    set(&b.text, "%s saw %s %s", person(b.facts.who[0]), article(kind), kind);
    for (struct statement *s = &a; s; s = s == &a ? &b : NULL)
        add(&s->text, "%s%s.", s->facts.place < 0 ? "" : " in the ",
            s->facts.place < 0 ? "" : place_of[s->facts.place].en);
    set_pair(w, item, &a, &b, truth, false);
}

/* "The kettle is full." "The kettle is not empty." */
static void make_negation(struct world *w, struct item *item)
{
    struct statement a = {.facts = no_facts}, b;
    const struct opposite *o = &opposite_of[rng_below(&w->rng, COMPLEMENTS)];
    bool up = rng_percent(&w->rng, 50), not_a = rng_percent(&w->rng, 40);
    bool other = rng_percent(&w->rng, 70), not_b = rng_percent(&w->rng, 50);
    a.facts.thing = rng_below(&w->rng, THINGS);
    a.facts.colour = rng_percent(&w->rng, 30) ? rng_below(&w->rng, COLOURS) : -1;
    b = a;
    b.facts.colour = -1;
    if (!other && not_a == not_b)
        not_b = !not_b;
    const char *thing = thing_of[a.facts.thing].en;
    const char *said = up ? o->a.en : o->b.en, *opposite = up ? o->b.en : o->a.en;
    set(&a.text, "The %s%s%s is %s%s.", a.facts.colour < 0 ? "" : colour_of[a.facts.colour].en,
        a.facts.colour < 0 ? "" : " ", thing, not_a ? "not " : "", said);
    set(&b.text, "The %s is %s%s.", thing, not_b ? "not " : "", other ? opposite : said);
    bool truth = other ? not_a != not_b : not_a == not_b;
    set_pair(w, item, &a, &b, truth, truth && a.facts.colour < 0);
}

/* "X has three spoons." "X has more than two spoons." */
static void make_number(struct world *w, struct item *item)
{
    static const int countable[] = {0, 1, 2, 3, 5, 8, 10, 12, 14, 15, 17, 18, 23, 24};
    struct statement a = {.facts = no_facts}, b;
    int n = 2 + rng_below(&w->rng, NUMBERS - 3), m = rng_below(&w->rng, NUMBERS);
    bool more = rng_percent(&w->rng, 50);
    a.facts.who[0] = draw_person(w);
    a.facts.thing = countable[rng_below(&w->rng, COUNT(countable))];
    b = a;
    const char *thing = thing_of[a.facts.thing].en;
    if (m == n)
        m = n - 1;
    set(&a.text, "%s has %s %ss.", person(a.facts.who[0]), number_of[n], thing);
    set(&b.text, "%s has %s than %s %s%s.", person(a.facts.who[0]), more ? "more" : "less",
        number_of[m], thing, m ? "s" : "");
    set_pair(w, item, &a, &b, more ? n > m : n < m, false);
}

/* "X went from the mill to the park." "X left the mill." */
static void make_trip(struct world *w, struct item *item)
{
    struct statement a = {.facts = no_facts}, b;
    int place[3];
    draw_distinct(&w->rng, place, 3, PLACES);
    bool leave = rng_percent(&w->rng, 50), truth = rng_percent(&w->rng, 50);
    int right = leave ? place[0] : place[1], wrong = leave ? place[1] : place[0];
    if (rng_percent(&w->rng, 30))
        wrong = place[2];
    a.facts.who[0] = draw_person(w);
    a.facts.time = rng_percent(&w->rng, 40) ? rng_below(&w->rng, TIMES) : -1;
    a.facts.place = place[0];
    b = a;
    b.facts.place = truth ? right : wrong;
    if (rng_percent(&w->rng, 50))
        b.facts.time = -1;
    const char *who = person(a.facts.who[0]);
    set(&a.text, "%s went from the %s to the %s", who, place_of[place[0]].en,
        place_of[place[1]].en);
    set(&b.text, "%s %s the %s", who, leave ? "left" : "came to", place_of[b.facts.place].en);
    tail(&a);
    tail(&b);
    set_pair(w, item, &a, &b, truth, false);
    /* Which place of the two is meant is not clear. */
    item->yes[F_SAME_PLACE] = -1;
    item->say[F_WHERE1].n = 0;
}

/* Two statements about a thing, with opposite words or not. */
static void make_opposites(struct world *w, struct item *item)
{
    struct statement a = {.facts = no_facts}, b;
    int o[2], two_things[2];
    draw_distinct(&w->rng, o, 2, OPPOSITES);
    draw_distinct(&w->rng, two_things, 2, THINGS);
    bool up = rng_percent(&w->rng, 50), truth = rng_percent(&w->rng, 50);
    const struct opposite *x = &opposite_of[o[0]], *y = &opposite_of[truth ? o[0] : o[1]];
    a.facts.thing = two_things[0];
    b = a;
    b.facts.thing = two_things[rng_below(&w->rng, 2)];
    set(&a.text, "The %s is %s.", thing_of[a.facts.thing].en, up ? x->a.en : x->b.en);
    set(&b.text, "The %s is %s.", thing_of[b.facts.thing].en, up ? y->b.en : y->a.en);
    item->field[0] = a.text;
    item->field[1] = b.text;
    ask_pair(item, &a.facts, &b.facts);
    item->yes[F_OPPOSITE] = truth;
}

/* Two events, the second of which usually comes after the first, or not. */
static void make_events(struct world *w, struct item *item)
{
    int s[2], steps[2] = {0, 1};
    draw_distinct(&w->rng, s, 2, SCRIPTS);
    struct facts a = no_facts, b = no_facts;
    a.who[0] = b.who[0] = draw_person(w);
    bool truth = rng_percent(&w->rng, 50), back = !truth && rng_percent(&w->rng, 30);
    if (rng_percent(&w->rng, 40)) {
        steps[0] = 1;
        steps[1] = 2;
    }
    const struct script *x = &script_of[s[0]], *y = &script_of[truth || back ? s[0] : s[1]];
    const char *first[3] = {x->first, x->next, x->then}, *second[3] = {y->first, y->next, y->then};
    struct slot who = {'x', person(a.who[0])};
    add_filled(&item->field[back], first[steps[0]], &who, 1);
    add_filled(&item->field[!back], second[steps[1]], &who, 1);
    item->yes[F_NEXT] = truth;
    item->yes[F_SHORTER2] = item->field[1].n < item->field[0].n;
    item->yes[F_TIME1] = false;
}

static const struct {
    const char *kind;
    void (*make)(struct world *, struct item *);
} pair_kind[] = {
    {"modifiers", make_modifiers}, {"modifiers", make_modifiers},   {"converse", make_converse},
    {"passive", make_passive},     {"comparison", make_comparison}, {"class", make_class},
    {"negation", make_negation},   {"number", make_number},         {"trip", make_trip},
    {"opposites", make_opposites}, {"events", make_events},
};

_Static_assert(COUNT(pair_kind) == PAIR_KINDS, "kinds of pairs");

void make_pair(struct world *w, int kind, struct item *item)
{
    item->kind = pair_kind[kind].kind;
    pair_kind[kind].make(w, item);
}

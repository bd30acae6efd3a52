/* Text that tells, without instruction, and questions whose input is one line. */
#include "world.h"

static const char *draw_word(struct rng *r, const struct word *list, int n)
{
    return list[rng_below(r, n)].en;
}

/* ---- an event in two languages ---- */

struct event {
    int who, other, verb, thing, colour, place, time; /* other, colour, place, time: may be -1 */
};

static int maybe(struct rng *r, int percent, int n)
{
    bool there = rng_percent(r, percent);
    int i = rng_below(r, n);
    return there ? i : -1;
}

static struct event draw_event(struct world *w)
{
    struct rng *r = &w->rng;
    struct event e = {.who = draw_person(w), .other = -1};
    e.verb = rng_below(r, THING_VERBS);
    e.thing = rng_below(r, THINGS);
    e.colour = maybe(r, 50, COLOURS);
    e.place = maybe(r, 50, PLACES);
    e.time = maybe(r, 40, TIMES);
    while (e.place >= 0 && pair_reserved(e.place, e.thing))
        e.place = rng_below(r, PLACES);
    if (rng_percent(r, 20)) /* what is done to a person has no thing */
        while (e.other < 0 || e.other == e.who)
            e.other = draw_person(w);
    return e;
}

static void add_english(struct text *t, const struct event *e)
{
    if (e->other >= 0)
        add(t, "%s %s %s", person(e->who), people_verb[e->verb].past, person(e->other));
    else
        add(t, "%s %s the %s%s%s", person(e->who), thing_verb[e->verb].past,
            e->colour < 0 ? "" : colour_of[e->colour].en, e->colour < 0 ? "" : " ",
            thing_of[e->thing].en);
    if (e->place >= 0)
        add(t, " in the %s", place_of[e->place].en);
    if (e->time >= 0)
        add(t, " %s", time_of[e->time].en);
    add(t, ".");
}

static void add_chinese(struct text *t, const struct event *e)
{
    add(t, "%s ", person(e->who));
    if (e->time >= 0)
        add(t, "%s", time_of[e->time].zh);
    if (e->place >= 0)
        add(t, "在%s", place_of[e->place].zh);
    if (e->other >= 0)
        add(t, "%s %s。", people_verb[e->verb].zh, person(e->other));
    else
        add(t, "%s%s%s。", thing_verb[e->verb].zh, e->colour < 0 ? "" : colour_of[e->colour].zh,
            thing_of[e->thing].zh);
}

/* ---- narrative ---- */

static void tell_day(struct world *w, struct text *t)
{
    struct rng *r = &w->rng;
    int a = draw_person(w), b = draw_person(w), thing = rng_below(r, THINGS);
    int colour = rng_below(r, COLOURS), p = rng_below(r, PLACES), q = rng_below(r, PLACES);
    while (b == a)
        b = draw_person(w);
    while (q == p)
        q = rng_below(r, PLACES);
    const char *x = person(a), *y = person(b), *name = thing_of[thing].en;
    add(t, "%s went to the %s %s.", x, place_of[p].en, draw_word(r, time_of, TIMES));
    add(t, " There %s %s a %s %s.", x, thing_verb[rng_below(r, THING_VERBS)].past,
        colour_of[colour].en, name);
    if (rng_percent(r, 50))
        add(t, " The %s was %s.", name, opposite_of[rng_below(r, OPPOSITES)].a.en);
    add(t, " Then %s %s %s", x, people_verb[rng_below(r, PEOPLE_VERBS)].past, y);
    add(t, " and gave the %s to %s.", name, y);
    add(t, " So %s has the %s %s now.", y, colour_of[colour].en, name);
    if (rng_percent(r, 60))
        add(t, " %s was glad and went to the %s. Now %s is in the %s.", y, place_of[q].en, y,
            place_of[q].en);
}

static void tell_script(struct world *w, struct text *t)
{
    const struct script *s = &script_of[rng_below(&w->rng, SCRIPTS)];
    struct slot who = {'x', person(draw_person(w))};
    add_filled(t, s->first, &who, 1);
    add(t, "%s", rng_percent(&w->rng, 50) ? " Then " : " After that ");
    add_filled(t, s->next, &who, 1);
    add(t, " ");
    add_filled(t, s->then, &who, 1);
}

static void tell_class(struct world *w, struct text *t)
{
    struct rng *r = &w->rng;
    int a = 16 + rng_below(r, NOUNS - 16), b = 16 + rng_below(r, NOUNS - 16);
    const char *x = thing_of[a].en, *y = thing_of[b].en;
    const char *kx = class_of[thing_of[a].is].en, *ky = class_of[thing_of[b].is].en;
    bool alike = thing_of[a].is == thing_of[b].is;
    add(t, "%s %s is %s %s.", article(x), x, article(kx), kx);
    capitalise(t, 0);
    if (b == a)
        return;
    if (alike)
        add(t, " The %s is %s %s too, so both are %ss.", y, article(ky), ky, ky);
    else
        add(t, " The %s is not %s %s but %s %s.", y, article(kx), kx, article(ky), ky);
}

static void tell_opposite(struct world *w, struct text *t)
{
    struct rng *r = &w->rng;
    const struct opposite *o = &opposite_of[rng_below(r, OPPOSITES)];
    bool up = rng_percent(r, 50);
    const char *x = up ? o->a.en : o->b.en, *y = up ? o->b.en : o->a.en;
    const char *thing = thing_of[rng_below(r, THINGS)].en;
    switch (rng_below(r, 3)) {
    case 0:
        add(t, "The %s is not %s, it is %s.", thing, x, y);
        break;
    case 1:
        add(t, "%s is the opposite of %s. What is %s is not %s.", x, y, x, y);
        capitalise(t, 0);
        break;
    default:
        add(t, "First the %s was %s, now it is %s. So it is not %s any more.", thing, x, y, x);
    }
}

static void tell_comparison(struct world *w, struct text *t)
{
    const struct opposite *o = &comparison_of[rng_below(&w->rng, COMPARISONS)];
    int a = draw_person(w), b = draw_person(w);
    while (b == a)
        b = draw_person(w);
    add(t, "%s is %s than %s, and %s is %s than %s.", person(a), o->a.en, person(b), person(b),
        o->b.en, person(a));
}

static void tell_pronoun(struct world *w, struct text *t)
{
    struct item item;
    make_item(w, FORM_PRONOUN, rng_below(&w->rng, kinds_of(FORM_PRONOUN)), &item);
    const char *pronoun = item.field[0].s, *who = item.say[F_WHO_IS_MEANT].s;
    add(t, "%s ", item.field[2].s);
    switch (rng_below(&w->rng, 3)) {
    case 0:
        add(t, "By %s I mean %s.", pronoun, who);
        break;
    case 1:
        add(t, "The pronoun %s stands for %s.", pronoun, who);
        break;
    default:
        add(t, "Here %s is %s.", pronoun, who);
    }
}

static void tell_sense(struct world *w, struct text *t)
{
    struct item item;
    make_item(w, FORM_SENSE, 0, &item);
    const char *topic1 = item.say[F_TOPIC1].s, *topic2 = item.say[F_TOPIC2].s;
    add(t, "%s %s", item.field[1].s, item.field[2].s);
    if (item.yes[F_SENSE])
        add(t, " Both speak of %s, and %s has one meaning.", topic1, item.field[0].s);
    else
        add(t, " First it is about %s, then about %s: %s has two meanings.", topic1, topic2,
            item.field[0].s);
}

static void tell_consequence(struct world *w, struct text *t)
{
    struct item item;
    draw_item(w, F_ENTAIL, 1, &item);
    add(t, "%s It follows: %s", item.field[0].s, item.field[1].s);
}

static void tell_dialogue(struct world *w, struct text *t)
{
    struct item item;
    draw_item(w, F_ANSWER, -1, &item);
    add(t, "%s %s It is: %s.", item.field[1].s, item.field[0].s, item.say[F_ANSWER].s);
}

static void tell_chinese(struct world *w, struct text *t)
{
    int n = 1 + rng_below(&w->rng, 3);
    for (int i = 0; i < n; i++) {
        struct event e = draw_event(w);
        add_chinese(t, &e);
    }
    const struct opposite *o = &opposite_of[rng_below(&w->rng, OPPOSITES)];
    add(t, "%s是%s的。", thing_of[rng_below(&w->rng, THINGS)].zh, o->b.zh);
}

static void tell_bilingual(struct world *w, struct text *t)
{
    struct event e = draw_event(w);
    bool chinese_first = rng_percent(&w->rng, 50);
    if (chinese_first) {
        add_chinese(t, &e);
        add(t, "\n");
        add_english(t, &e);
    } else {
        add_english(t, &e);
        add(t, "\n");
        add_chinese(t, &e);
    }
}

void plain_text(struct world *w, struct text *t)
{
    static void (*const tell[])(struct world *, struct text *) = {
        tell_day,   tell_day,         tell_day,      tell_script,  tell_class,     tell_opposite,
        tell_sense, tell_comparison,  tell_pronoun,  tell_pronoun, tell_pronoun,   tell_sense,
        tell_sense, tell_consequence, tell_dialogue, tell_chinese, tell_bilingual, tell_bilingual,
    };
    set(t, "%s", "");
    tell[rng_below(&w->rng, COUNT(tell))](w, t);
}

/* ---- one line ---- */

static void make_copy(struct world *w, struct text *line, struct text *answer)
{
    int n = 2 + rng_below(&w->rng, 4);
    for (int i = 0; i < n; i++) {
        bool name = rng_percent(&w->rng, 40);
        int p = draw_person(w), thing = rng_below(&w->rng, NOUNS);
        add(line, "%s%s", i ? " " : "", name ? person(p) : thing_of[thing].en);
    }
    *answer = *line;
}

/* A word of the world in both languages. */
static struct word draw_entry(struct rng *r)
{
    const struct thing *thing = &thing_of[rng_below(r, NOUNS)];
    const struct opposite *o = &opposite_of[rng_below(r, OPPOSITES)];
    switch (rng_below(r, 8)) {
    case 0:
        return place_of[rng_below(r, PLACES)];
    case 1:
        return colour_of[rng_below(r, COLOURS)];
    case 2:
        return time_of[rng_below(r, TIMES)];
    case 3:
        return o->a;
    case 4:
        return o->b;
    case 5:
        return container_of[rng_below(r, CONTAINERS)];
    default:
        return (struct word){thing->en, thing->zh};
    }
}

static void make_translation(struct world *w, struct text *english, struct text *chinese)
{
    if (rng_percent(&w->rng, 50)) {
        struct word entry = draw_entry(&w->rng);
        add(english, "%s", entry.en);
        add(chinese, "%s", entry.zh);
    } else {
        struct event e = draw_event(w);
        add_english(english, &e);
        add_chinese(chinese, &e);
    }
}

static void make_topic(struct world *w, struct text *line, struct text *answer)
{
    struct item item;
    make_item(w, FORM_SENSE, 0, &item);
    add(line, "%s: %s", item.field[0].s, item.field[1].s);
    *answer = item.say[F_TOPIC1];
}

static void make_word_line(struct world *w, enum family family, struct text *line,
                           struct text *answer)
{
    struct rng *r = &w->rng;
    const struct opposite *o = &opposite_of[rng_below(r, OPPOSITES)];
    const struct thing *thing = &thing_of[16 + rng_below(r, NOUNS - 16)];
    const struct script *s = &script_of[rng_below(r, SCRIPTS)];
    bool up = rng_percent(r, 50);
    struct slot who = {'x', person(draw_person(w))};
    if (family == F_CLASS) {
        add(line, "%s", thing->en);
        add(answer, "%s", class_of[thing->is].en);
    } else if (family == F_OPPOSITE_WORD) {
        add(line, "%s", up ? o->a.en : o->b.en);
        add(answer, "%s", up ? o->b.en : o->a.en);
    } else {
        add_filled(line, up ? s->first : s->next, &who, 1);
        add_filled(answer, up ? s->next : s->then, &who, 1);
    }
}

void make_line(struct world *w, enum family family, struct item *item)
{
    struct text *line = &item->field[0], *answer = &item->say[family];
    clear_item(item, FORM_LINE, "");
    switch (family) {
    case F_COPY:
        make_copy(w, line, answer);
        break;
    case F_TO_CHINESE:
        make_translation(w, line, answer);
        break;
    case F_TO_ENGLISH:
        make_translation(w, answer, line);
        break;
    case F_TOPIC:
        make_topic(w, line, answer);
        break;
    default:
        make_word_line(w, family, line, answer);
    }
}

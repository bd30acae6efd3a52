/* Families of questions and how they are worded. */
#include "world.h"

#include <string.h>

/* Wordings, the simplest first: the corpus begins with those. Slots: {a} {b} the first and the
 * second of two statements, {B} both, {k} "say whether", {y} {n} the two answers. */
#define WORDINGS static const char *const

WORDINGS ask_entail[] = {"Does {b} follow from {a}?",
                         "If {a} is true, is {b} true too?",
                         "{k} {b} follows from {a}.",
                         "Does {a} imply {b}?",
                         "Can {b} be concluded from {a}?",
                         "Given {a}, must {b} be true?",
                         "{k} {a} is enough to know {b}.",
                         "Does {a} say what {b} says?",
                         "Suppose that {a} holds. Does {b} hold as well?",
                         "Is {b} a consequence of {a}?",
                         "Say {y} if {a} implies {b}, otherwise say {n}.",
                         "Someone tells you {a}. Can you be sure of {b}?",
                         "We know that {a} is right. Is {b} right for that reason?",
                         "Read the two lines. {k} the second is certain after the first.",
                         "Is what {b} claims already contained in {a}?",
                         "{k} a reader of {a} would accept {b}.",
                         "Write {y} when {b} cannot be false given {a}, else {n}.",
                         "Premise in line 1, hypothesis in line 2. Is the hypothesis entailed?",
                         "Does the premise in line 1 support the conclusion in line 2?",
                         NULL};
WORDINGS zh_entail[] = {"第二句可以从第一句推出吗？", "如果第一句是真的，第二句也是真的吗？", NULL};
WORDINGS ask_reverse[] = {"Does {a} follow from {b}?",
                          "If {b} is true, is {a} true too?",
                          "{k} {a} follows from {b}.",
                          "Does {b} imply {a}?",
                          "Can {a} be concluded from {b}?",
                          "Is {a} a consequence of {b}?",
                          "Premise in line 2, hypothesis in line 1. Is the hypothesis entailed?",
                          "Say {y} if {b} implies {a}, otherwise say {n}.",
                          NULL};
WORDINGS zh_reverse[] = {"第一句可以从第二句推出吗？", NULL};
WORDINGS ask_same_person[] = {"Is the same person in {B}?",
                              "Do {B} name the same person?",
                              "{k} one person is named in {B}.",
                              "Are {B} about the same man or woman?",
                              "Does somebody of {a} come back in {b}?",
                              "Look at the names. Do {B} share a name?",
                              NULL};
WORDINGS zh_same_person[] = {"两句话里有同一个人吗？", NULL};
WORDINGS ask_same_place[] = {"Is the same place in {B}?",    "Do {B} name the same place?",
                             "{k} {B} happen in one place.", "Are {B} about the same place?",
                             "Do {B} share a place?",        NULL};
WORDINGS zh_same_place[] = {"两句话说的是同一个地方吗？", NULL};
WORDINGS ask_same_thing[] = {"Is the same thing in {B}?", "Do {B} name the same thing?",
                             "{k} one thing is named in {B}.", "Are {B} about the same thing?",
                             NULL};
WORDINGS ask_colour2[] = {"Does {b} name a colour?", "Is there a colour in {b}?",
                          "{k} {b} has a colour.", "Is something red, blue, green or so in {b}?",
                          NULL};
WORDINGS zh_colour2[] = {"第二句里有颜色吗？", NULL};
WORDINGS ask_time1[] = {"Does {a} say when?", "Is there a time in {a}?", "{k} {a} names a time.",
                        "Can one know from {a} when it was?", NULL};
WORDINGS ask_shorter2[] = {"Is {b} shorter than {a}?", "{k} {b} is the shorter one.",
                           "Does {b} have fewer letters than {a}?", NULL};
WORDINGS ask_opposite[] = {"Are the words at the end of {B} opposites?",
                           "Do {B} end in opposite words?",
                           "{k} the last words of {B} are opposites.",
                           "Is the last word of {b} the opposite of that of {a}?",
                           "Look at the last words. Do they mean the contrary?",
                           NULL};
WORDINGS zh_opposite[] = {"最后两个词是反义词吗？", NULL};
WORDINGS ask_next[] = {"Does {b} happen after {a}?",
                       "Is {b} what comes next after {a}?",
                       "{k} {b} usually comes after {a}.",
                       "First {a}. Then {b}. Does that make sense?",
                       "Is {b} a good next step of the tale in {a}?",
                       NULL};
WORDINGS zh_next[] = {"第二件事会在第一件事之后发生吗？", NULL};
WORDINGS ask_who1[] = {"Who is in {a}?", "Write the first name in {a}.",
                       "Which person does {a} name first?", "Name the person of {a}.", NULL};
WORDINGS ask_where1[] = {"Where is it in {a}?", "Which place does {a} name?",
                         "Write the place in {a}.", NULL};
WORDINGS ask_what1[] = {"Which thing is in {a}?", "Write the thing in {a}.", "What is {a} about?",
                        NULL};
WORDINGS ask_who2[] = {"Who is in {b}?", "Write the first name in {b}.",
                       "Which person does {b} name first?", "Name the person of {b}.", NULL};

WORDINGS ask_pronoun[] = {"Does the pronoun mean the name?",
                          "Is the name what the pronoun means?",
                          "{k} the pronoun refers to the name.",
                          "Does the pronoun refer to the given name?",
                          "Is this the right reading of the pronoun?",
                          "Could the pronoun be replaced by the name?",
                          "{k} the name can stand for the pronoun.",
                          "Does the word after because point to the name in front?",
                          "Is the pronoun of the text used for the name above?",
                          "Say {y} if the pronoun refers to the name, otherwise say {n}.",
                          "Look at the pronoun. Is the named one meant by it?",
                          "The first line explains the pronoun. Is the explanation right?",
                          "{k} the first line gives the meaning of the pronoun.",
                          "Put the name in place of the pronoun. Is the text still right?",
                          "Is the antecedent of the pronoun the one in the first line?",
                          "Write {y} when the writer means the name by the pronoun, else {n}.",
                          "Who is meant by the pronoun? Is it the one in line 1?",
                          NULL};
WORDINGS zh_pronoun[] = {"代词指的是这个名字吗？", "第一行对代词的解释对吗？", NULL};
WORDINGS ask_other[] = {"Does the pronoun mean another than the name?",
                        "Is somebody else meant by the pronoun?",
                        "{k} the pronoun refers to another one, not to the name.",
                        "Is the first line wrong about the pronoun?", NULL};
WORDINGS ask_named_first[] = {
    "Is the name the first one in the text?",    "Does the text name this one first?",
    "{k} the name comes first in the text.",     "Is nobody named before this name in the text?",
    "Is the given name before all other names?", NULL};
WORDINGS zh_named_first[] = {"这个名字在文中最先出现吗？", NULL};
WORDINGS ask_named_last[] = {
    "Is the name the last one in the text?", "Does the text name this one last?",
    "{k} the name comes last in the text.", "Is nobody named after this name in the text?", NULL};
WORDINGS ask_has_time[] = {"Does the text say when?", "Is there a time in the text?",
                           "{k} the text names a time.", NULL};
WORDINGS ask_has_place[] = {"Does the text name a place?", "Is there a place in the text?",
                            "{k} the text tells of a place.", NULL};
WORDINGS ask_who_is_meant[] = {
    "Who or what is meant by the pronoun?", "Write what the pronoun means.",
    "To whom or what does the pronoun refer?", "Replace the pronoun.", NULL};
WORDINGS zh_who_is_meant[] = {"代词指的是谁？", NULL};
WORDINGS ask_first_name[] = {"Who is named first in the text?", "Write the first name of the text.",
                             "Which name comes first in the text?", NULL};
WORDINGS ask_last_name[] = {"Who is named last in the text?", "Write the last name of the text.",
                            "Which name comes last in the text?", NULL};

WORDINGS ask_sense[] = {"Does the word mean the same in {B}?",
                        "Is the meaning of the word the same in {B}?",
                        "{k} the word means the same in {B}.",
                        "Do {B} use the word in the same way?",
                        "Is the word used in one sense only?",
                        "Does the word have one meaning in {B}?",
                        "{k} {B} speak of the same kind of thing.",
                        "Would the word be translated by one word in {B}?",
                        "Say {y} if the word is used in the same sense in {B}, otherwise say {n}.",
                        "Is the word in {b} the word of {a} in its meaning?",
                        "Look at the word. Is its sense in {a} also its sense in {b}?",
                        "Would a dictionary explain {B} under one entry?",
                        "{k} a picture of the word for {a} would fit {b}.",
                        "Write {y} when {B} have one sense of the word, else {n}.",
                        "Does the word keep its sense from {a} to {b}?",
                        "A word and two sentences. Is the word used alike?",
                        NULL};
WORDINGS zh_sense[] = {"这个词在两句话里意思一样吗？", "两句话用的是同一个意思吗？", NULL};
WORDINGS ask_different[] = {"Does the word have different meanings in {B}?",
                            "Is the meaning of the word another in {b}?",
                            "{k} the word has two different senses in {B}.",
                            "Do {B} use the word in different ways?", NULL};
WORDINGS ask_sense_person[] = {"Is the same person in {B}?", "Do {B} name the same person?",
                               "{k} one person is named in {B}.", "Do {B} share a name?", NULL};
WORDINGS ask_sense_time2[] = {"Does {b} say when?", "Is there a time in {b}?",
                              "{k} {b} names a time.", NULL};
WORDINGS ask_sense_person1[] = {"Does {a} name a person?", "Is there a name in {a}?",
                                "{k} {a} has the name of somebody.", NULL};
WORDINGS ask_sense_start[] = {"Does {a} start with the word?", "Is the word the subject of {a}?",
                              "{k} {a} begins with the word.", NULL};
WORDINGS ask_topic1[] = {"What is {a} about?", "Which topic does the word of {a} belong to?",
                         "Write the topic of {a}.", NULL};
WORDINGS ask_topic2[] = {"What is {b} about?", "Which topic does the word of {b} belong to?",
                         "Write the topic of {b}.", NULL};
WORDINGS ask_chinese1[] = {"How is the word of {a} translated to Chinese?",
                           "Write the Chinese word for the word in {a}.",
                           "Translate the word in {a} to Chinese.", NULL};
WORDINGS zh_chinese1[] = {"第一句里的这个词用中文怎么说？", NULL};

WORDINGS ask_story[] = {"Answer the question.",
                        "Is the answer yes?",
                        "Answer the question with the text.",
                        "{k} the answer to the question is yes.",
                        "Read the passage and answer the question.",
                        "What does the text say to the question?",
                        "Is it so?",
                        "Look into the text. Is the answer yes?",
                        "Use the text to answer.",
                        "Say {y} if the text says so, otherwise say {n}.",
                        "A question and a story. Answer from the story.",
                        "According to the text, is it so?",
                        "{k} the text agrees with the question.",
                        "The question is about the text. Reply to it.",
                        "Write {y} when the text confirms it, else {n}.",
                        "Would somebody who has read the passage say yes to the question?",
                        NULL};
WORDINGS zh_story[] = {"回答问题。", "根据短文回答问题。", NULL};
WORDINGS ask_story_no[] = {"Is the answer no?", "{k} the answer to the question is no.",
                           "Does the text say the contrary?",
                           "Would somebody who has read the text say no to the question?", NULL};
WORDINGS ask_asks_person[] = {"Does the question name a person?",
                              "Is there a name in the question?",
                              "{k} the question asks about a person.", NULL};
WORDINGS ask_asks_place[] = {"Does the question name a place?", "Is there a place in the question?",
                             "{k} the question asks about a place.", NULL};
WORDINGS zh_asks_place[] = {"问题里有地方吗？", NULL};
WORDINGS ask_asks_first[] = {"Is the question about the first sentence of the text?",
                             "Does the text begin with what the question asks about?",
                             "{k} the first sentence of the text is asked about.",
                             "Is the fact in question told first?", NULL};
WORDINGS ask_story_colour[] = {"Does the text name a colour?", "Is there a colour in the text?",
                               "{k} the text has colours.", NULL};
WORDINGS ask_story_time[] = {"Does the text say when?", "Is there a time in the text?",
                             "{k} the text names times.", NULL};
WORDINGS ask_more[] = {
    "Compare the numbers and answer the question.", "Answer the question about the numbers.",
    "{k} the numbers say yes to the question.", "Count what each has. Is the answer yes?", NULL};
WORDINGS ask_answer[] = {"Answer the question.",
                         "Answer the question with the text.",
                         "Read the passage and answer the question.",
                         "Use the text to answer.",
                         "Find the answer in the text.",
                         "What does the text say to the question?",
                         "A question and a story. Answer from the story.",
                         "Give a short answer to the question.",
                         NULL};

WORDINGS ask_member[] = {"Is one of the words of this kind?",
                         "Does the list have a word of this kind?",
                         "{k} the list has something of the kind in front.",
                         "Is the given kind found in the list?",
                         "Look through the words. Does one belong to the class?",
                         NULL};
WORDINGS zh_member[] = {"列表里有这一类的词吗？", NULL};
WORDINGS ask_list_first[] = {"Is the first word of this kind?",
                             "{k} the list starts with this kind.",
                             "Does the first word of the list belong to the class?", NULL};
WORDINGS ask_list_last[] = {"Is the last word of this kind?", "{k} the list ends with this kind.",
                            "Does the last word of the list belong to the class?", NULL};
WORDINGS ask_list_count[] = {"How many of the words are of this kind?",
                             "Count the words of this kind.", "Write how many belong to the class.",
                             NULL};
WORDINGS zh_list_count[] = {"有几个词属于这一类？", NULL};
WORDINGS ask_list_word1[] = {"What is the first word of the list?", "Write the first word.",
                             "Copy the word after the colon.", NULL};
WORDINGS ask_list_wordn[] = {"What is the last word of the list?", "Write the last word.",
                             "Copy the word at the end.", NULL};
WORDINGS ask_list_one[] = {"Which word is of this kind?", "Find the word of this kind.",
                           "Write the word that belongs to the class.", NULL};

WORDINGS ask_copy[] = {"Copy the line.", "Write the same again.", "Repeat the words.", NULL};
WORDINGS ask_class[] = {"What kind of thing is it?", "Name the class of the word.",
                        "To which class does it belong?", NULL};
WORDINGS zh_class[] = {"这是哪一类？", NULL};
WORDINGS ask_opposite_word[] = {"What is the opposite?", "Write the opposite word.",
                                "Give a word that means the contrary.", NULL};
WORDINGS zh_opposite_word[] = {"反义词是什么？", NULL};
WORDINGS ask_next_event[] = {"What happens next?", "Go on with the tale.",
                             "Write what comes after this.", NULL};
WORDINGS ask_to_chinese[] = {"Translate to Chinese.", "Say it in Chinese.",
                             "What is this in Chinese?", NULL};
WORDINGS zh_to_chinese[] = {"翻译成中文。", NULL};
WORDINGS ask_to_english[] = {"Translate to English.", "Say it in English.",
                             "What is this in English?", NULL};
WORDINGS zh_to_english[] = {"翻译成英文。", NULL};
WORDINGS ask_topic[] = {"What is the sentence about?", "Name the topic of the sentence.",
                        "Which topic does the word belong to here?", NULL};

/* A question without instruction is one of the siblings: were it the main question of its form, the
 * form alone would tell the task. */
const struct family_row family_of[FAMILIES] = {
    [F_ENTAIL] = {"entail", FORM_PAIR, G_ENTAIL, 10, 1, ask_entail, zh_entail},
    [F_REVERSE] = {"reverse", FORM_PAIR, G_SIBLING, 15, 1, ask_reverse, zh_reverse},
    [F_SAME_PERSON] = {"same_person", FORM_PAIR, G_SIBLING, 22, 1, ask_same_person, zh_same_person},
    [F_SAME_PLACE] = {"same_place", FORM_PAIR, G_SIBLING, 14, 1, ask_same_place, zh_same_place},
    [F_SAME_THING] = {"same_thing", FORM_PAIR, G_SIBLING, 10, 1, ask_same_thing, NULL},
    [F_COLOUR2] = {"colour2", FORM_PAIR, G_SIBLING, 10, 1, ask_colour2, zh_colour2},
    [F_TIME1] = {"time1", FORM_PAIR, G_SIBLING, 8, 1, ask_time1, NULL},
    [F_SHORTER2] = {"shorter2", FORM_PAIR, G_SIBLING, 4, 1, ask_shorter2, NULL},
    [F_OPPOSITE] = {"opposite", FORM_PAIR, G_SIBLING, 18, 1, ask_opposite, zh_opposite},
    [F_NEXT] = {"next", FORM_PAIR, G_SIBLING, 18, 1, ask_next, zh_next},
    [F_WHO1] = {"who1", FORM_PAIR, G_EXTRACT, 10, 1, ask_who1, NULL},
    [F_WHERE1] = {"where1", FORM_PAIR, G_EXTRACT, 8, 1, ask_where1, NULL},
    [F_WHAT1] = {"what1", FORM_PAIR, G_EXTRACT, 8, 1, ask_what1, NULL},
    [F_WHO2] = {"who2", FORM_PAIR, G_EXTRACT, 8, 1, ask_who2, NULL},

    [F_PRONOUN] = {"pronoun", FORM_PRONOUN, G_PRONOUN, 10, 1, ask_pronoun, zh_pronoun},
    [F_OTHER] = {"other", FORM_PRONOUN, G_SIBLING, 8, 1, ask_other, NULL},
    [F_NAMED_FIRST] = {"named_first", FORM_PRONOUN, G_SIBLING, 20, 1, ask_named_first,
                       zh_named_first},
    [F_NAMED_LAST] = {"named_last", FORM_PRONOUN, G_SIBLING, 16, 1, ask_named_last, NULL},
    [F_HAS_TIME] = {"has_time", FORM_PRONOUN, G_SIBLING, 8, 1, ask_has_time, NULL},
    [F_HAS_PLACE] = {"has_place", FORM_PRONOUN, G_SIBLING, 8, 1, ask_has_place, NULL},
    [F_WHO_IS_MEANT] = {"who_is_meant", FORM_PRONOUN, G_EXTRACT, 40, 1, ask_who_is_meant,
                        zh_who_is_meant},
    [F_FIRST_NAME] = {"first_name", FORM_PRONOUN, G_EXTRACT, 8, 1, ask_first_name, NULL},
    [F_LAST_NAME] = {"last_name", FORM_PRONOUN, G_EXTRACT, 8, 1, ask_last_name, NULL},

    [F_SENSE] = {"sense", FORM_SENSE, G_SENSE, 10, 1, ask_sense, zh_sense},
    [F_DIFFERENT] = {"different", FORM_SENSE, G_SIBLING, 8, 1, ask_different, NULL},
    [F_SENSE_PERSON] = {"sense_person", FORM_SENSE, G_SIBLING, 18, 1, ask_sense_person,
                        zh_same_person},
    [F_SENSE_TIME2] = {"sense_time2", FORM_SENSE, G_SIBLING, 8, 1, ask_sense_time2, NULL},
    [F_SENSE_PERSON1] = {"sense_person1", FORM_SENSE, G_SIBLING, 8, 1, ask_sense_person1, NULL},
    [F_SENSE_START] = {"sense_start", FORM_SENSE, G_SIBLING, 6, 1, ask_sense_start, NULL},
    [F_TOPIC1] = {"topic1", FORM_SENSE, G_EXTRACT, 14, 1, ask_topic1, NULL},
    [F_TOPIC2] = {"topic2", FORM_SENSE, G_EXTRACT, 14, 1, ask_topic2, NULL},
    [F_CHINESE1] = {"chinese1", FORM_SENSE, G_EXTRACT, 8, 1, ask_chinese1, zh_chinese1},

    [F_STORY] = {"story", FORM_STORY, G_STORY, 10, 0, ask_story, zh_story},
    [F_STORY_NO] = {"story_no", FORM_STORY, G_SIBLING, 8, 0, ask_story_no, NULL},
    [F_ASKS_PERSON] = {"asks_person", FORM_STORY, G_SIBLING, 10, 1, ask_asks_person, NULL},
    [F_ASKS_PLACE] = {"asks_place", FORM_STORY, G_SIBLING, 10, 1, ask_asks_place, zh_asks_place},
    [F_ASKS_FIRST] = {"asks_first", FORM_STORY, G_SIBLING, 14, 1, ask_asks_first, NULL},
    [F_STORY_COLOUR] = {"story_colour", FORM_STORY, G_SIBLING, 6, 1, ask_story_colour, NULL},
    [F_STORY_TIME] = {"story_time", FORM_STORY, G_SIBLING, 6, 1, ask_story_time, NULL},
    [F_MORE] = {"more", FORM_STORY, G_SIBLING, 20, 1, ask_more, NULL},
    [F_ANSWER] = {"answer", FORM_ASK, G_ANSWER, 10, 3, ask_answer, zh_story},

    [F_MEMBER] = {"member", FORM_LIST, G_SIBLING, 20, 1, ask_member, zh_member},
    [F_LIST_FIRST] = {"list_first", FORM_LIST, G_SIBLING, 8, 1, ask_list_first, NULL},
    [F_LIST_LAST] = {"list_last", FORM_LIST, G_SIBLING, 8, 1, ask_list_last, NULL},
    [F_LIST_COUNT] = {"list_count", FORM_LIST, G_SKILL, 10, 1, ask_list_count, zh_list_count},
    [F_LIST_WORD1] = {"list_word1", FORM_LIST, G_SKILL, 5, 1, ask_list_word1, NULL},
    [F_LIST_WORDN] = {"list_wordn", FORM_LIST, G_SKILL, 5, 1, ask_list_wordn, NULL},
    [F_LIST_ONE] = {"list_one", FORM_LIST, G_SKILL, 10, 1, ask_list_one, NULL},

    [F_COPY] = {"copy", FORM_LINE, G_SKILL, 10, 0, ask_copy, NULL},
    [F_CLASS] = {"class", FORM_LINE, G_SKILL, 10, 0, ask_class, zh_class},
    [F_OPPOSITE_WORD] = {"opposite_word", FORM_LINE, G_SKILL, 8, 0, ask_opposite_word,
                         zh_opposite_word},
    [F_NEXT_EVENT] = {"next_event", FORM_LINE, G_SKILL, 8, 0, ask_next_event, NULL},
    [F_TO_CHINESE] = {"to_chinese", FORM_LINE, G_SKILL, 20, 0, ask_to_chinese, zh_to_chinese},
    [F_TO_ENGLISH] = {"to_english", FORM_LINE, G_SKILL, 20, 0, ask_to_english, zh_to_english},
    [F_TOPIC] = {"topic", FORM_LINE, G_SKILL, 30, 0, ask_topic, NULL},
};

static const char *const first_statement[] = {
    "sentence 1",          "line 1", "the first sentence", "the first line", "statement 1",
    "the first statement", "text 1", "the first one",
};
static const char *const second_statement[] = {
    "sentence 2",           "line 2", "the second sentence", "the second line", "statement 2",
    "the second statement", "text 2", "the second one",
};
static const char *const both_statements[] = {
    "both sentences", "the two sentences", "sentence 1 and 2", "both lines",
    "the two lines",  "1 and 2",           "both statements",  "the two statements",
};
static const char *const say_whether[] = {
    "Say whether", "Tell me whether", "Decide whether", "Check whether", "Find out whether",
    "Say if",      "Tell me if",      "Decide if",      "Judge whether", "I want to know whether",
};
static const char *const answer_words[][2] = {{"yes", "no"}, {"true", "false"}, {"right", "wrong"}};
static const char *const answer_clause[] = {
    " Answer {y} or {n}.", " {Y} or {n}?", " Say {y} or {n}.",   " Reply with {y} or {n}.",
    " Choose {y} or {n}.", " ({y}/{n})",   " Is it {y} or {n}?", " The answer is {y} or {n}.",
};

static int count_of(const char *const *list)
{
    int n = 0;
    while (list && list[n])
        n++;
    return n;
}

static int at_most(int n, int limit)
{
    return n < limit ? n : limit;
}

static const char *draw(struct rng *r, const char *const *list, int n, int limit)
{
    return list[rng_below(r, at_most(n, limit))];
}

static int draw_answer_words(struct rng *r, const struct wording *how)
{
    if (!rng_percent(r, how->answers))
        return 0;
    return rng_percent(r, 75) ? 1 : 2;
}

/* The clause that names the answers; it may be absent where they are yes and no. */
static void add_answer_clause(struct rng *r, const struct wording *how, struct text *ask, int words,
                              const struct slot *slots, int n)
{
    bool front = rng_percent(r, 10);
    struct text core = *ask;
    if (words == 0 && rng_percent(r, how->answers ? 45 : 100))
        return;
    if (front && how->answers) {
        ask->n = 0;
        add_filled(ask, "{Y} or {n}? ", slots, n);
        add(ask, "%s", core.s);
    } else {
        const char *clause = draw(r, answer_clause, COUNT(answer_clause), how->wordings);
        add_filled(ask, clause, slots, n);
    }
}

/* Fills a wording's slots; a family with yes/no answers gets its answer clause. */
static void word_it(struct rng *r, const struct wording *how, const char *core, bool yes_no,
                    int words, struct text *ask)
{
    struct text yes;
    int which = rng_below(r, at_most(COUNT(first_statement), how->wordings));
    const char *both = draw(r, both_statements, COUNT(both_statements), how->wordings);
    const char *say = draw(r, say_whether, COUNT(say_whether), how->wordings);
    set(&yes, "%s", answer_words[words][0]);
    capitalise(&yes, 0);
    const struct slot slots[] = {
        {'a', first_statement[which]}, {'b', second_statement[which]}, {'B', both},  {'k', say},
        {'y', answer_words[words][0]}, {'n', answer_words[words][1]},  {'Y', yes.s},
    };
    ask->n = 0;
    add_filled(ask, core, slots, COUNT(slots));
    capitalise(ask, 0);
    if (yes_no && !strstr(core, "{y}"))
        add_answer_clause(r, how, ask, words, slots, COUNT(slots));
}

void add_instruction(struct rng *r, const struct wording *how, enum family family,
                     const struct item *item, struct text *ask, struct text *answer)
{
    const struct family_row *f = &family_of[family];
    bool yes_no = !item->say[family].n, yes = item->yes[family] == 1;
    int words = yes_no ? draw_answer_words(r, how) : 0;
    if (f->zh && rng_percent(r, how->chinese)) {
        set(ask, "%s", draw(r, f->zh, count_of(f->zh), how->wordings));
        set(answer, "%s", yes_no ? (yes ? "是" : "不是") : item->say[family].s);
        return;
    }
    word_it(r, how, draw(r, f->ask, count_of(f->ask), how->wordings), yes_no, words, ask);
    set(answer, "%s", yes_no ? answer_words[words][!yes] : item->say[family].s);
}

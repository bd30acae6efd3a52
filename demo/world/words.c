/* Inventories: what the world has, and what is held out of the corpus. */
#include "world.h"

#include <string.h>

const char *const name_of[2][NAMES] = {
    {"Jack", "Luke",  "Mark", "Tim",  "Bob",  "Fred", "Jim",  "Rob",  "Dan",  "Joe",  "Kurt",
     "Finn", "Ralph", "Sven", "Otis", "Hans", "Carl", "Pete", "Emil", "Otto", "Bert", "Gus"},
    {"Amy",  "Kate",  "Jane",  "Lucy", "Ella", "Ida",  "Ruby", "Zoe",  "Mona",  "Nora", "Rita",
     "Dora", "Hanna", "Julia", "Maya", "Pia",  "Lola", "Edna", "Lena", "Marta", "Iris", "Wilma"},
};

const struct word place_of[PLACES] = {
    {"park", "公园"},    {"bakery", "面包店"}, {"cellar", "地窖"},  {"attic", "阁楼"},
    {"harbour", "港口"}, {"castle", "城堡"},   {"theatre", "剧院"}, {"mill", "磨坊"},
    {"barn", "谷仓"},    {"tower", "塔"},      {"shop", "商店"},    {"cabin", "小屋"},
};
const struct word colour_of[COLOURS] = {
    {"red", "红"}, {"blue", "蓝"}, {"green", "绿"}, {"pink", "粉"}, {"grey", "灰"}, {"brown", "棕"},
};
const struct word time_of[TIMES] = {
    {"at dawn", "黎明"},       {"at noon", "中午"},      {"in the afternoon", "下午"},
    {"at midnight", "半夜"},   {"on Tuesday", "星期二"}, {"on Thursday", "星期四"},
    {"on Saturday", "星期六"},
};
const struct word class_of[CLASSES] = {
    {"thing", "东西"}, {"tool", "工具"}, {"fruit", "水果"}, {"flower", "花"}, {"animal", "动物"},
};
const struct thing thing_of[NOUNS] = {
    {"spoon", "勺子", THING},    {"plate", "盘子", THING},   {"mirror", "镜子", THING},
    {"candle", "蜡烛", THING},   {"rope", "绳子", THING},    {"pillow", "枕头", THING},
    {"blanket", "毯子", THING},  {"kettle", "水壶", THING},  {"bucket", "水桶", THING},
    {"violin", "小提琴", THING}, {"ticket", "票", THING},    {"scarf", "围巾", THING},
    {"glove", "手套", THING},    {"vase", "花瓶", THING},    {"flag", "旗", THING},
    {"clock", "钟", THING},      {"axe", "斧头", TOOL},      {"shovel", "铲子", TOOL},
    {"rake", "耙子", TOOL},      {"ladder", "梯子", TOOL},   {"broom", "扫帚", TOOL},
    {"peach", "桃子", FRUIT},    {"cherry", "樱桃", FRUIT},  {"melon", "瓜", FRUIT},
    {"orange", "橙子", FRUIT},   {"daisy", "雏菊", FLOWER},  {"violet", "紫罗兰", FLOWER},
    {"poppy", "罂粟", FLOWER},   {"orchid", "兰花", FLOWER}, {"goat", "山羊", ANIMAL},
    {"hen", "母鸡", ANIMAL},     {"pony", "小马", ANIMAL},   {"frog", "青蛙", ANIMAL},
    {"deer", "鹿", ANIMAL},      {"owl", "猫头鹰", ANIMAL},  {"swan", "天鹅", ANIMAL},
    {"donkey", "驴", ANIMAL},
};
const char *const number_of[NUMBERS] = {"one",  "two", "three", "four",
                                        "five", "six", "seven", "eight"};

const struct opposite opposite_of[OPPOSITES] = {
    {{"full", "满"}, {"empty", "空"}},     {{"open", "开"}, {"shut", "关"}},
    {{"dry", "干"}, {"wet", "湿"}},        {{"clean", "干净"}, {"dirty", "脏"}},
    {{"new", "新"}, {"old", "旧"}},        {{"whole", "完整"}, {"broken", "破"}},
    {{"heavy", "重"}, {"light", "轻"}},    {{"hot", "热"}, {"cold", "冷"}},
    {{"thick", "厚"}, {"thin", "薄"}},     {{"hard", "硬"}, {"soft", "软"}},
    {{"cheap", "便宜"}, {"costly", "贵"}}, {{"wide", "宽"}, {"narrow", "窄"}},
    {{"smooth", "光滑"}, {"rough", "粗"}}, {{"sharp", "尖"}, {"blunt", "钝"}},
    {{"long", "长"}, {"short", "短"}},     {{"big", "大"}, {"small", "小"}},
};
const struct opposite comparison_of[COMPARISONS] = {
    {{"older", "大"}, {"younger", "小"}},   {{"taller", "高"}, {"shorter", "矮"}},
    {{"quicker", "快"}, {"slower", "慢"}},  {{"richer", "富"}, {"poorer", "穷"}},
    {{"stronger", "强"}, {"weaker", "弱"}}, {{"louder", "响"}, {"quieter", "静"}},
};
const struct verb thing_verb[THING_VERBS] = {
    {"found", "found", "找到了"},   {"hid", "hidden", "藏了"},      {"washed", "washed", "洗了"},
    {"dropped", "dropped", "掉了"}, {"painted", "painted", "画了"}, {"mended", "mended", "修好了"},
    {"kept", "kept", "留下了"},     {"stole", "stolen", "偷了"},
};
const struct verb people_verb[PEOPLE_VERBS] = {
    {"greeted", "greeted", "问候了"}, {"invited", "invited", "邀请了"},
    {"pushed", "pushed", "推了"},     {"chased", "chased", "追了"},
    {"warned", "warned", "警告了"},   {"kissed", "kissed", "吻了"},
    {"met", "met", "遇见了"},         {"woke", "woken", "叫醒了"},
};
const struct converse converse_of[CONVERSES] = {
    {"gave", "got"},
    {"sold", "bought"},
    {"lent", "borrowed"},
    {"taught", "learned"},
};

const struct group group_of[GROUPS] = {
    {{"rescued", "carried", "protected"},
     {{"was strong", "was brave", "was kind"}, {"was weak", "was ill", "was in danger"}}},
    {{"feared", "avoided", "fled from"},
     {{"was weak", "was shy", "was in danger"}, {"was strong", "was angry", "was cruel"}}},
    {{"robbed", "tricked", "cheated"},
     {{"was poor", "was hungry", "was cruel"}, {"was rich", "was careless", "was alone"}}},
    {{"fed", "paid", "supported"},
     {{"was rich", "was kind", "had plenty"}, {"was poor", "was hungry", "was out of work"}}},
    {{"coached", "trained", "guided"},
     {{"knew a lot", "was a master", "was patient"},
      {"was a beginner", "was new there", "wanted to learn"}}},
    {{"consulted", "asked", "wrote to"},
     {{"was a beginner", "was ill", "was unsure"}, {"knew a lot", "was a doctor", "was a master"}}},
    {{"thanked", "praised", "hugged"},
     {{"was polite", "was happy", "felt proud"}, {"was brave", "had helped", "had won"}}},
    {{"blamed", "scolded", "punished"},
     {{"was angry", "was strict", "was the boss"}, {"was careless", "was late", "had lied"}}},
    {{"apologised to", "hid from", "trembled before"},
     {{"was late", "was careless", "was guilty"}, {"was angry", "was strict", "was the boss"}}},
    {{"defeated", "overtook", "outplayed"},
     {{"was strong", "was a master", "had practised"}, {"was a beginner", "was tired", "was ill"}}},
    {{"visited", "cooked for", "comforted"},
     {{"was free that day", "was kind", "was a nurse"}, {"was ill", "was alone", "was sad"}}},
    {{"envied", "copied", "followed"},
     {{"was new there", "was unsure", "was poor"}, {"was rich", "had won", "knew a lot"}}},
    {{"did not fit into", "would not go into", "was taken out of"},
     {{"was too big", "was too wide", "was too long"},
      {"was too small", "was too narrow", "was already full"}}},
    {{"cracked", "damaged", "crushed"},
     {{"was hard", "was heavy", "fell down"}, {"was thin", "was made of glass", "was weak"}}},
    {{"was put on", "was laid on", "was placed on"},
     {{"was light", "was wet", "had to be seen"}, {"was flat", "was strong", "was close by"}}},
};
const struct word container_of[CONTAINERS] = {
    {"crate", "板条箱"}, {"jar", "罐子"},    {"drawer", "抽屉"},
    {"sack", "麻袋"},    {"basket", "篮子"}, {"shelf", "架子"},
};

enum {
    D_BEAST,
    D_GAME,
    D_OFFICE,
    D_BUILD,
    D_BODY,
    D_PLANT,
    D_WATER,
    D_MONEY,
    D_MUSIC,
    D_FOOD,
    D_SKY,
    D_STAGE,
    D_ROAD,
    D_CLOTH
};

const struct domain domain_of[DOMAINS] = {
    {"animals",
     {"The {w} came out to hunt.", "{x} fed the {w} in the zoo.", "The {w} had two young ones.",
      "The hunter saw the tracks of the {w}.", "{x} heard the {w} move in the grass.",
      "The {w} was afraid of the dogs."}},
    {"sport",
     {"The team lost the {w}.", "{x} came to the field with the {w}.",
      "The players talked about the {w}.", "The trainer chose the {w} for the game.",
      "{x} cheered for the {w} from the stands.", "The {w} decided the game."}},
    {"the office",
     {"{x} needed the {w} at the desk.", "The {w} lay between the papers.",
      "The clerk asked for a new {w}.", "{x} put the {w} beside the screen.",
      "The secretary used the {w} every day.", "The {w} was for the documents."}},
    {"building",
     {"The workers looked at the {w}.", "The {w} was made of iron.",
      "{x} checked the {w} of the new house.", "The {w} was part of the bridge.",
      "The engineer ordered another {w}.", "Rust covered the {w}."}},
    {"the body",
     {"The doctor looked at the {w} of {x}.", "{x} felt pain in the {w}.",
      "The {w} hurt after the fall.", "The nurse put cream on the {w}.",
      "There was blood on the {w}.", "{x} had trouble with the {w} for weeks."}},
    {"plants",
     {"The {w} needed rain and soil.", "The gardener took care of the {w}.",
      "{x} saw leaves near the {w}.", "Insects lived in the {w}.", "The {w} turned green again.",
      "{x} dug around the {w} in the garden."}},
    {"water",
     {"The boat passed the {w}.", "{x} swam to the {w}.", "The fish stayed near the {w}.",
      "The {w} was cold and clear.", "The flood changed the {w}.", "{x} got wet feet at the {w}."}},
    {"money",
     {"{x} paid with the {w}.", "The {w} was worth a hundred coins.", "The cashier took the {w}.",
      "{x} lost a fortune because of the {w}.", "The thief wanted the {w} and the gold.",
      "{x} owed too much to the {w}."}},
    {"music",
     {"{x} played the {w} in the orchestra.", "The {w} sounded sad.",
      "The song began with the {w}.", "The singer waited for the {w}.",
      "{x} practised the melody on the {w}.", "The choir heard the {w}."}},
    {"food",
     {"{x} had the {w} for breakfast.", "The cook tasted the {w}.", "The {w} was sweet and fresh.",
      "There was sugar on the {w}.", "{x} put the {w} beside the bread.",
      "The {w} stood on the dinner table."}},
    {"the sky",
     {"The {w} lit up the clouds.", "{x} saw the {w} through the telescope.",
      "The {w} was far above the earth.", "The {w} vanished behind the moon.",
      "The pilot noticed the {w}.", "{x} dreamed of the {w} in space."}},
    {"shows",
     {"The crowd clapped for the {w}.", "{x} bought tickets to see the {w}.",
      "The {w} was in the newspaper after the concert.", "The {w} danced all evening.",
      "{x} met the {w} behind the stage.", "The camera showed the {w}."}},
    {"traffic",
     {"The driver cursed the {w}.", "{x} stopped the car because of the {w}.",
      "The {w} made the truck late.", "The police looked at the {w} on the motorway.",
      "{x} heard the engine and the {w}.", "The {w} blocked the taxi."}},
    {"clothes",
     {"{x} wore the {w} with a dress.", "The {w} matched the shirt.", "The tailor sewed the {w}.",
      "{x} ironed the {w} before the party.", "The {w} was made of silk.",
      "The shoes and the {w} were black."}},
};

/* The first twelve are frequent and serve the training set, the next eight are rare, the last six
 * are in no document. */
const struct ambiguous ambiguous_of[AMBIGUOUS] = {
    {"bat",
     {{D_BEAST,
       "蝙蝠",
       {"The bat hung from the ceiling of the cave.", "{x} found a bat with soft wings."}},
      {D_GAME, "球棒", {"{x} swung the bat and missed.", "The bat sent the ball over the wall."}}}},
    {"seal",
     {{D_BEAST, "海豹", {"The seal dived under the ice.", "{x} threw a fish to the seal."}},
      {D_OFFICE,
       "印章",
       {"The seal on the envelope was wax.", "{x} pressed the seal on the contract."}}}},
    {"mouse",
     {{D_BEAST, "老鼠", {"The mouse nibbled the cheese.", "The cat brought {x} a mouse."}},
      {D_OFFICE, "鼠标", {"{x} clicked twice with the mouse.", "The mouse needs a new cable."}}}},
    {"palm",
     {{D_PLANT,
       "棕榈",
       {"A palm stood on the beach of the island.", "{x} climbed the palm for a coconut."}},
      {D_BODY,
       "手掌",
       {"{x} hid the coin in the palm.", "The fortune teller read the palm of {x}."}}}},
    {"nail",
     {{D_BUILD, "钉子", {"{x} drove a nail into the board.", "The picture hung on a nail."}},
      {D_BODY,
       "指甲",
       {"{x} bit the nail of the thumb.", "She polished every nail on her fingers."}}}},
    {"bank",
     {{D_WATER, "河岸", {"{x} fished from the bank of the river.", "Ducks sat on the muddy bank."}},
      {D_MONEY, "银行", {"The bank gave {x} a loan.", "{x} opened an account at the bank."}}}},
    {"pipe",
     {{D_MUSIC, "笛子", {"The shepherd blew the pipe.", "{x} danced to the tune of the pipe."}},
      {D_BUILD, "管子", {"The plumber welded the pipe.", "Water leaked from the pipe onto {x}."}}}},
    {"note",
     {{D_MUSIC, "音符", {"The last note was too high.", "{x} held the note for ten seconds."}},
      {D_MONEY,
       "钞票",
       {"{x} changed the note into coins.", "The note in the wallet was false."}}}},
    {"star",
     {{D_SKY, "星星", {"A star twinkled at night.", "{x} made a wish on a star."}},
      {D_STAGE, "明星", {"The star signed a photo for {x}.", "The film made {x} a star."}}}},
    {"jam",
     {{D_FOOD, "果酱", {"{x} spread jam on the toast.", "Grandmother cooked plum jam."}},
      {D_ROAD, "堵车", {"The jam began at the crossing.", "{x} stood in a jam for two hours."}}}},
    {"jumper",
     {{D_CLOTH,
       "毛衣",
       {"The jumper was knitted from wool.", "{x} pulled the jumper over the head."}},
      {D_GAME,
       "跳高选手",
       {"The jumper cleared the bar.", "{x} was the best jumper in the final."}}}},
    {"trunk",
     {{D_PLANT, "树干", {"The trunk of the oak was thick.", "{x} carved a heart into the trunk."}},
      {D_ROAD,
       "后备箱",
       {"{x} packed the bags into the trunk.", "The trunk of the taxi was locked."}}}},
    {"mole",
     {{D_BEAST, "鼹鼠", {"The mole dug tunnels under the lawn.", "{x} caught a mole in a trap."}},
      {D_BODY, "痣", {"{x} has a dark mole on the cheek.", "The mole on her skin grew."}}}},
    {"bulb",
     {{D_PLANT, "球茎", {"The bulb became a tulip.", "{x} set a bulb into the earth in autumn."}},
      {D_BUILD,
       "灯泡",
       {"The bulb in the lamp went out.", "{x} screwed a bulb into the socket."}}}},
    {"organ",
     {{D_MUSIC, "管风琴", {"The organ filled the church.", "{x} pressed the keys of the organ."}},
      {D_BODY, "器官", {"The liver is an organ.", "{x} gave an organ to a sick brother."}}}},
    {"pitcher",
     {{D_GAME,
       "投手",
       {"The pitcher threw the ball fast.", "{x} is the best pitcher of the league."}},
      {D_FOOD,
       "水罐",
       {"The pitcher was full of lemonade.", "{x} poured milk from the pitcher."}}}},
    {"bolt",
     {{D_SKY, "闪电", {"A bolt of lightning struck.", "Thunder followed the bolt and {x} ran."}},
      {D_BUILD, "螺栓", {"{x} tightened the bolt.", "The bolt held two beams together."}}}},
    {"bow",
     {{D_MUSIC, "琴弓", {"The bow moved over the strings.", "{x} drew the bow slowly."}},
      {D_CLOTH, "蝴蝶结", {"The ribbon ended in a bow.", "{x} wore a bow in the hair."}}}},
    {"spring",
     {{D_WATER,
       "泉水",
       {"The spring bubbled out of the rock.", "{x} filled the flask at the spring."}},
      {D_BUILD,
       "弹簧",
       {"The spring of the mattress squeaked.", "{x} stretched the steel spring."}}}},
    {"buck",
     {{D_MONEY, "美元", {"{x} earned a quick buck.", "The hat cost only one buck."}},
      {D_BEAST, "公鹿", {"The buck has large antlers.", "{x} saw a buck beside the doe."}}}},
    {"crane",
     {{D_BEAST, "鹤", {"The crane stood on one leg.", "{x} watched a crane catch a fish."}},
      {D_BUILD, "起重机", {"The crane lifted the stone.", "{x} drives a crane."}}}},
    {"horn",
     {{D_MUSIC, "号", {"The horn was made of brass.", "{x} blew the horn in the band."}},
      {D_ROAD,
       "喇叭",
       {"The horn of the bus was loud.", "{x} pressed the horn at the crossing."}}}},
    {"club",
     {{D_GAME, "球杆", {"{x} hit the ball with a club.", "The golf club was bent."}},
      {D_STAGE, "夜总会", {"The club was open until dawn.", "{x} sang in a small club."}}}},
    {"calf",
     {{D_BEAST, "小牛", {"The calf drank from its mother.", "{x} led the calf to the other cows."}},
      {D_BODY, "小腿", {"{x} pulled a muscle in the calf.", "The calf is below the knee."}}}},
    {"date",
     {{D_FOOD, "枣", {"{x} chewed a date.", "The date had a stone inside."}},
      {D_OFFICE,
       "日期",
       {"{x} wrote the date above the letter.", "The date on the form was wrong."}}}},
    {"port",
     {{D_WATER, "港", {"Ships unload in the port.", "{x} moored the yacht in the port."}},
      {D_FOOD, "波特酒", {"{x} drank a glass of port.", "The old port tasted of raisins."}}}},
};

const struct script script_of[SCRIPTS] = {
    {"{x} was hungry.", "{x} cooked some soup.", "{x} was full."},
    {"{x} was thirsty.", "{x} drank a glass of water.", "{x} felt better."},
    {"{x} was sleepy.", "{x} went to bed.", "{x} slept until dawn."},
    {"{x} broke a window.", "{x} swept up the glass.", "{x} bought a new one."},
    {"It began to rain.", "{x} opened an umbrella.", "{x} stayed dry."},
    {"{x} felt cold.", "{x} lit a fire.", "The room became warm."},
    {"{x} got a letter.", "{x} read it slowly.", "{x} wrote an answer."},
    {"The phone rang.", "{x} picked it up.", "{x} said hello."},
    {"{x} missed the bus.", "{x} walked home.", "{x} came home late."},
    {"{x} had a toothache.", "{x} saw a dentist.", "The tooth was pulled."},
    {"{x} sowed seeds.", "{x} watered them daily.", "Small leaves came up."},
    {"{x} fell into the mud.", "{x} took a bath.", "{x} was clean again."},
    {"{x} found a purse.", "{x} brought it to the police.", "The owner was glad."},
    {"It was dark inside.", "{x} switched on the lamp.", "{x} could see again."},
};

/* About a ninth of the pairs. */
bool pair_reserved(int place, int thing)
{
    return (place * 5 + thing * 2) % 9 == 4;
}

/* A Latin square: every verb lacks one clause of each role, every clause lacks one verb. */
bool clause_reserved(int group, int verb, int role, int clause)
{
    return (group + verb + role + clause) % 3 == 0;
}

/* Rare words have half of their contexts in the corpus. */
bool context_reserved(int word, int context)
{
    return word >= CORPUS_WORDS || (word >= FREQUENT_WORDS && (word + context) % 2 == 0);
}

const char *article(const char *noun)
{
    return strchr("aeiou", noun[0]) ? "an" : "a";
}

/* ---- the guard ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The next run of letters at or after *at; 0 at the end of the text. */
static int next_word(const char **at)
{
    const char *s = *at;
    while (*s && !is_letter(*s))
        s++;
    *at = s;
    while (is_letter(*s))
        s++;
    return (int)(s - *at);
}

static bool equal(const char *s, int n, const char *word)
{
    return !strncmp(s, word, (size_t)n) && !word[n];
}

static bool is_held_out(const char *s, int n)
{
    for (int g = 0; g < 2; g++)
        for (int i = CORPUS_NAMES; i < NAMES; i++)
            if (equal(s, n, name_of[g][i]))
                return true;
    for (int i = CORPUS_WORDS; i < AMBIGUOUS; i++)
        if (equal(s, n, ambiguous_of[i].en))
            return true;
    return false;
}

static bool has(const char *sentence, const char *before, const char *words, const char *after)
{
    struct text t;
    set(&t, "%s%s%s", before, words, after);
    return strstr(sentence, t.s);
}

static bool has_clause(const char *sentence, const char *clause)
{
    return has(sentence, "because he ", clause, "") || has(sentence, "because she ", clause, "") ||
           has(sentence, "because it ", clause, "");
}

static void check_clause(const char *sentence, int g, int v)
{
    if (!has(sentence, " ", group_of[g].verb[v], " "))
        return;
    for (int role = 0; role < 2; role++)
        for (int c = 0; c < ROLE_CLAUSES; c++)
            if (clause_reserved(g, v, role, c) && has_clause(sentence, group_of[g].clause[role][c]))
                die("a document has a held-out verb and clause: %s", sentence);
}

/* Copies the sentence that starts at *at and moves to the next; false at the end of the text. */
static bool next_sentence(const char **at, struct text *sentence)
{
    size_t n = strcspn(*at, ".?!\n");
    if (!**at)
        return false;
    set(sentence, " %.*s", (int)n, *at);
    *at += n + ((*at)[n] != 0);
    return true;
}

static bool sentence_has_pair(const char *sentence)
{
    bool place[PLACES] = {0}, thing[NOUNS] = {0};
    const char *s = sentence;
    for (int n; (n = next_word(&s)); s += n) {
        for (int p = 0; p < PLACES; p++)
            place[p] |= equal(s, n, place_of[p].en);
        for (int i = 0; i < NOUNS; i++)
            thing[i] |= equal(s, n, thing_of[i].en);
    }
    for (int p = 0; p < PLACES; p++)
        for (int i = 0; i < NOUNS; i++)
            if (place[p] && thing[i] && pair_reserved(p, i))
                return true;
    return false;
}

bool has_held_out_word(const char *text)
{
    for (int n; (n = next_word(&text)); text += n)
        if (is_held_out(text, n))
            return true;
    return false;
}

void check_held_out(const char *text)
{
    struct text sentence;
    if (has_held_out_word(text))
        die("a document has a held-out name or word: %s", text);
    for (const char *s = text; next_sentence(&s, &sentence);) {
        if (sentence_has_pair(sentence.s))
            die("a document has a held-out place and thing: %s", sentence.s);
        if (strstr(sentence.s, " because "))
            for (int g = 0; g < GROUPS; g++)
                for (int v = 0; v < GROUP_VERBS; v++)
                    check_clause(sentence.s, g, v);
    }
}

#!/bin/bash
# The micro-world: the corpus's form, what is held out of it, and the tasks' labels found again by other means.
world=$BUILD/world n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
none() { [ ! -s "$1" ] || { head -n 3 "$1" | sed 's/^/# /'; return 1; }; } # the file is empty

"$world" corpus --seed 1 --documents 2000 >"$tmp/a" && "$world" corpus --seed 1 --documents 2000 | cmp -s - "$tmp/a"
check "a seed's corpus is the same twice" $?
! "$world" corpus --seed 2 --documents 2000 | cmp -s - "$tmp/a"
check "another seed's corpus is another" $?
string='"([^"\\]|\\["\\n])*"' # no other escapes are written
[ "$(grep -cE "^\{\"parts\": \[(\[$string, 0\.3\]|(\[$string, 0\.05\], \[$string, 1\](, )?)+)\]\}\$" "$tmp/a")" = 2000 ] &&
    ! grep -q ', \]}' "$tmp/a" && iconv -f utf-8 -t utf-8 "$tmp/a" | cmp -s - "$tmp/a" && ! LC_ALL=C grep -q '[[:cntrl:]]' "$tmp/a"
check "every line is a document: parts and their weights" $?

"$world" corpus --seed 1 --documents 20000 >"$tmp/corpus"
"$world" tasks --seed 1 --out "$tmp/t" && "$world" tasks --seed 1 --out "$tmp/u" && diff -r "$tmp/t" "$tmp/u" >"$tmp/out"
check "a seed's tasks are the same twice" $?
main="entail pronoun sense story" small="reverse person next first" later="last when shorter people"
for t in $main $small $later; do
    case " $main " in *" $t "*) sizes="240 100 400" ;; *) sizes="120 60 200" ;; esac
    for s in train dev test; do
        size=${sizes%% *} sizes=${sizes#* }
        got=$(sed 's/.*"label": //' "$tmp/t/$t/$s.jsonl" | sort | uniq -c | awk '{ printf "%s ", $1 }')
        [ "$got" = "$((size / 2)) $((size / 2)) " ] || echo "$t $s: $got"
    done
done >"$tmp/out"
none "$tmp/out" && [ "$(cd "$tmp/t" && echo *)" = "$(tr ' ' '\n' <<<"$main $small $later" | sort | xargs)" ]
check "the tasks, sizes of the splits, labels balanced" $?
cat "$tmp"/t/*/*.jsonl | sed 's/, "\(type\|label\)".*//; s/"[a-z]*[12]*": //g' | sort >"$tmp/inputs"
uniq -d "$tmp/inputs" >"$tmp/out"
none "$tmp/out" && [ "$(wc -l <"$tmp/inputs")" = 6000 ]
check "no input comes twice in any split of any task" $?

names='Emil|Otto|Bert|Gus|Lena|Marta|Iris|Wilma' words='[Cc]rane|[Hh]orn|[Cc]lub|[Cc]alf|[Dd]ate|[Pp]ort'
grep -owE "$names|($words)s?" "$tmp/corpus" >"$tmp/out"
none "$tmp/out" && grep -qw Wilma "$tmp/t/entail/test.jsonl" && grep -qw crane "$tmp/t/sense/test.jsonl"
check "held-out names and words are in no document" $?
for t in $later; do cat "$tmp/t/$t"/*.jsonl; done >"$tmp/rows"
grep -vwE "$names|$words" "$tmp/rows" >"$tmp/out"
none "$tmp/out" && [ "$(wc -l <"$tmp/rows")" = 1520 ]
check "every input of the later tasks has a held-out name or word" $?
# Verb and clause of every sentence of the form "A VERB B because he CLAUSE".
clauses() {
    grep -ohE "([A-Z][a-z]+( from the [a-z]+)?|The [a-z]+) [a-z ]+ ([A-Z][a-z]+|(crate|jar|drawer|sack|basket|shelf))( (at|on|in the) [A-Za-z]+)? because (s?he|it) [a-z ]+\." "$@" |
        sed -E 's/ (at|on|in the) [A-Za-z]+ because/ because/; s/ from the [a-z]+//; s/^(The )?[A-Za-z]+ //; s/( the)? [A-Za-z]+ because [a-z]+ / because /' | sort -u
}
clauses "$tmp/t/pronoun/test.jsonl" "$tmp/t/pronoun/dev.jsonl" >"$tmp/held"
clauses "$tmp/corpus" >"$tmp/seen"
comm -12 "$tmp/held" "$tmp/seen" >"$tmp/out"
none "$tmp/out" && [ "$(wc -l <"$tmp/held")" -gt 80 ] && [ "$(wc -l <"$tmp/seen")" -gt 160 ]
check "a verb and clause of dev and test are in no document" $?
# Which thing is said to be in which place, in statements, questions and answers.
pairs() {
    grep -ohE "([Tt]he|[Aa]n?) ([a-z]+ )?[a-z]+ (is )?in the (park|bakery|cellar|attic|harbour|castle|theatre|mill|barn|tower|shop|cabin)" "$@" |
        sed -E 's/ is in the/ in the/; s/.* ([a-z]+ in the)/\1/' | sort -u
}
awk 'BEGIN { p = split("park bakery cellar attic harbour castle theatre mill barn tower shop cabin", place, " ")
    t = split("spoon plate mirror candle rope pillow blanket kettle bucket violin ticket scarf glove vase flag clock axe shovel " \
        "rake ladder broom peach cherry melon orange daisy violet poppy orchid", thing, " ")
    for (i = 0; i < p; i++) for (k = 0; k < t; k++)
        if ((i * 5 + k * 2) % 9 == 4) print thing[k + 1] " in the " place[i + 1] }' | sort >"$tmp/held"
pairs "$tmp/corpus" >"$tmp/seen"
comm -12 "$tmp/held" "$tmp/seen" >"$tmp/out"
none "$tmp/out" && [ "$(wc -l <"$tmp/seen")" -gt 300 ] &&
    [ "$(pairs "$tmp"/t/story/{dev,test}.jsonl | comm -12 "$tmp/held" - | wc -l)" -gt 20 ]
check "a reserved thing and place are in dev and test and in no document" $?
{ sed 's/{"premise": "\(.*\)", "hypothesis": "\([^"]*\)".*/1: \1\\n2: \2/' "$tmp"/t/entail/*.jsonl
    sed 's/{"question": "\(.*\)", "passage": "\([^"]*\)".*/Question: \1\\nText: \2/' "$tmp"/t/story/*.jsonl
    sed 's/{"statement1": "\(.*\)", "statement2": "\([^"]*\)".*/1: \1\\n2: \2/' "$tmp"/t/{reverse,person,when,shorter}/*.jsonl; } | sort >"$tmp/held"
grep -oE '(1: |Question: )[^"]*\\n(2|Text): [^"]*\\nAnswer' "$tmp/corpus" | sed 's/\\nAnswer//' | sort -u >"$tmp/seen"
comm -12 "$tmp/held" "$tmp/seen" >"$tmp/out"
none "$tmp/out" && [ "$(wc -l <"$tmp/held")" = 3000 ] && [ "$(wc -l <"$tmp/seen")" -gt 5000 ]
check "no input of a task is in a document" $?
"$world" wordings >"$tmp/wordings"
grep -F -f "$tmp/wordings" "$tmp/corpus" >"$tmp/out"
none "$tmp/out" && [ "$(wc -l <"$tmp/corpus")" = 20000 ] && [ -s "$tmp/wordings" ]
check "no document has a task's wording" $?
described() { for t in $1; do sed -n 's/^description: "\(.*\)\\n"$/\1/p' "demo/tasks/$t.yaml"; done; }
{ described "$main $small"; sed -n 's/^  - "\(.*\)\\n"$/\1/p' demo/wordings.yaml; described "$later"; } >"$tmp/yaml"
sed '7d; 8d; 11d; 12d' "$tmp/wordings" | cmp -s - "$tmp/yaml" && [ "$(wc -l <"$tmp/yaml")" = 36 ] # without four retired
check "those wordings are the YAML files' own" $?
for t in $main $small $later; do
    for s in train validation test; do
        "$TACIT" tasks show "$t" --tasks demo/tasks --data "$tmp/t" --split $s --n 1000 --json | wc -l
    done
done 2>"$tmp/err" | awk '{ sum += $1 } END { exit sum != 6000 }' && none "$tmp/err"
check "tacit reads every task" $?

# Labels by other means; each awk prints the rows that it would answer otherwise.
# fields by tabs
rows() { cat "$tmp/t/$1"/*.jsonl | sed 's/^{"//; s/"}$//; s/", "[a-z]*[12]*": "/\t/g; s/^[a-z]*[12]*": "//' | tee "$tmp/rows"; }
relabelled() { none "$tmp/out" && [ "$(wc -l <"$tmp/rows")" = "$1" ]; }
rows first | awk -F'\t' '{ first = $1 == "it" ? substr($3, index($3, "The ") + 4) : $3; sub(/ .*/, "", first)
    yes = first == $2 ? "true" : "false" } yes != $5' >"$tmp/out"
relabelled 380
check "first" $?
rows person | awk -F'\t' '{ split("", seen); yes = "no"; n = split($1 " | " $2, w, "[ .,]+"); second = 0
    for (i = 1; i <= n; i++) {
        if (w[i] == "|") second = 1
        if (w[i] !~ /^[A-Z]/ || w[i] ~ /^(The|At|In|On|Tuesday|Thursday|Saturday)$/) continue
        if (second && w[i] in seen) yes = "yes"
        if (!second) seen[w[i]] = 1 } }
    yes != $4' >"$tmp/out"
relabelled 380
check "person" $?
# Whom and what the texts name. Of an "it" only the two things count, and the second is the last.
rows last | awk -F'\t' '{ n = split($3, w, "[ .,]+"); last = ""
    for (i = 1; i <= n; i++) {
        if ($1 != "it" && w[i] ~ /^[A-Z]/ && w[i] !~ /^(The|At|In|On|Tuesday|Thursday|Saturday)$/) last = w[i]
        if ($1 == "it" && w[i] ~ /^(crate|jar|drawer|sack|basket|shelf)$/) last = w[i] }
    yes = last == $2 ? "true" : "false" } yes != $5' >"$tmp/out"
relabelled 380
check "last" $?
rows when | awk -F'\t' '{ yes = $1 ~ /[Aa]t (dawn|noon|midnight)|[Ii]n the afternoon|[Oo]n (Tuesday|Thursday|Saturday)/ ? "yes" : "no" }
    yes != $4' >"$tmp/out"
relabelled 380
check "when" $?
rows shorter | awk -F'\t' '{ yes = length($2) < length($1) ? "yes" : "no" } yes != $4' >"$tmp/out" # spaces and all
relabelled 380
check "shorter" $?
rows people | awk -F'\t' '{ split("", seen); yes = "no"; n = split($2 " | " $3, w, "[ .,]+"); second = 0
    for (i = 1; i <= n; i++) {
        if (w[i] == "|") second = 1
        if (w[i] !~ /^[A-Z]/ || w[i] ~ /^(The|A|She|At|In|On|Tuesday|Thursday|Saturday)$/) continue
        if (second && w[i] in seen) yes = "yes"
        if (!second) seen[w[i]] = 1 } }
    yes != $5' >"$tmp/out"
relabelled 380
check "people" $?
rows story | awk -F'\t' '
    $3 == "where" || $3 == "go" { gsub(/[?]/, "", $1); said = $1; sub(/^Is /, "", said); sub(/^the/, "The", said)
        sub(/ in the /, $3 == "go" ? " went to the " : " is in the ", said); yes = index($2, said ".") ? "yes" : "no" }
    $3 == "time" { gsub(/[?]/, "", $1); k = split($1, q, " "); time = q[6]; for (i = 7; i <= k; i++) time = time " " q[i]
        time = toupper(substr(time, 1, 1)) substr(time, 2); yes = index($2, time " " q[2] " was in the " q[5] ".") ? "yes" : "no" }
    $3 == "have" { gsub(/[?]/, "", $1); split($1, q, " "); yes = "no"; m = split($2, s, "[.] *")
        for (i = 1; i < m; i++) { split(s[i], v, " ")
            if (q[1] == "Is" && v[5] == q[3] && v[4] == q[4]) yes = "yes"
            if (q[1] == "Does" && v[1] == q[2] && (v[4] == q[5] || (q[4] == "the" && v[5] == q[5]))) yes = "yes" } }
    yes != $4' >"$tmp/out"
relabelled 740
check "story" $?
echo "1..$n"
exit $bad

#!/bin/bash
# Writes the demo's data beside this script: train.jsonl (240 sentences) and val.jsonl (80), half about an animal
# and half about a plant. The same bytes every time: the random numbers are awk's own arithmetic.
cd "$(dirname "$0")" || exit 1

awk '
function pick(n) { # a number from 0 to n - 1 (Park and Miller 1988)
    state = (state * 16807) % 2147483647
    return int(state / 2147483647 * n)
}
function word(list,    w, n) {
    n = split(list, w, ",")
    return w[pick(n) + 1]
}
function sentence(thing,    who, kind) {
    who = word(people)
    kind = pick(6)
    if (kind == 0) return who " took a picture of the " thing " " word(places) "."
    if (kind == 1) return word(times) ", " who " noticed the " thing " " word(places) "."
    if (kind == 2) return "There was only one " thing " " word(places) "."
    if (kind == 3) return who " told me about the " thing " that you saw " word(places) "."
    if (kind == 4) return "The " thing " " word(places) " is older than " who "."
    return word(times) ", the " thing " was still " word(places) "."
}
function row(i,    label, s) { # even rows are animals; no sentence comes twice
    label = i % 2 ? "plant" : "animal"
    do
        s = sentence(word(label == "plant" ? plants : animals))
    while (s in seen)
    seen[s] = 1
    return "{\"sentence\": \"" s "\", \"label\": \"" label "\"}"
}
BEGIN {
    animals = "horse,fox,owl,frog,goat,whale,mouse,eagle,rabbit,lizard,donkey,badger"
    plants = "oak,rose,fern,tulip,cactus,pine,ivy,lily,willow,thistle,daisy,clover"
    people = "Anna,Ben,Clara,David,Ella,Frank,Grace,Henry"
    places = "by the river,behind the house,near the old bridge,on the hill,at the edge of the town,"\
             "next to the road,in front of the school,under the cliff"
    times = "This morning,Yesterday,After the rain,At noon,Last week"
    state = 20
    for (i = 0; i < 240; i++) print row(i) > "train.jsonl"
    for (i = 0; i < 80; i++) print row(i) > "val.jsonl"
}'

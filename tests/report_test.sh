#!/bin/bash
# The report of a made-up study, looked at in a browser: numbers, links, widths, keyboard, hostile texts; and what a store
# that is not one ends with.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
store() { # FOLDER [SQL]: the made-up study, changed
    mkdir -p "$1"
    { cat src/study/schema.sql tests/report_fixture.sql; echo "${2:-}"; } | sqlite3 -bail "$1/study.db"
}
store "$tmp/out"
said=$("$tacit" report "$tmp/out") && [[ $said = "$tmp/out/report.html: "*" MB, with 23 figures and 29 tables as files" ]]
check "tacit report: $said" $?
size=$(stat -c %s "$tmp/out/report.html")
[ "$size" -lt 3145728 ]
check "the page is below 3 MB ($size bytes)" $?
cp -r "$tmp/out" "$tmp/again" && "$tacit" report "$tmp/again" >/dev/null && diff -r "$tmp/out" "$tmp/again" >/dev/null
check "the same store gives the same bytes" $?
! grep -qE "(src|href)=\"?(https?:)?//|url\(|@import" <(sed 's|<script>!function.*||; /d3js.org/,/<\/script>/d' "$tmp/out/report.html")
check "the page names nothing outside" $?
find "$tmp/out" -name '*.tmp' | grep -q . && check "no temporary file stays" 1

# ---- in the browser ----
{
    echo "var expected ="
    sqlite3 "$tmp/out/study.db" "SELECT json_object(
        'tables', (SELECT json_group_array(json_object('name', name, 'columns', json(columns), 'rows', json(rows))) FROM result),
        'claims', (SELECT json_group_array(json_object('id', id, 'finding', finding, 'estimator', estimator, 'estimate', estimate,
            'low', low, 'high', high, 'p', p, 'p_holm', p_holm, 'control', control, 'verdict', verdict, 'note', note,
            'figure', figure)) FROM (SELECT * FROM claim ORDER BY position)))" | sed 's/}$//'
    echo ", \"figures\": ["
    (cd "$tmp/out/figures" && printf '"%s",' *.svg | sed 's/\.svg//g; s/,$//')
    echo "]};"
} >"$tmp/expected.js"
cp tests/report_page.html "$tmp"
timeout 60 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --allow-file-access-from-files \
    --disable-web-security --user-data-dir="$tmp/profile" --enable-logging=stderr --window-size=1400,1000 \
    --virtual-time-budget=10000 --dump-dom "file://$tmp/report_page.html" >"$tmp/dom" 2>"$tmp/log"
sed -n '/<pre id="tap">/,/<\/pre>/p' "$tmp/dom" | sed 's/<[^>]*>//g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g' >"$tmp/tap"
grep -qx "done" "$tmp/tap"
check "the browser came to the end" $?
[ $bad = 0 ] || tail -n 5 "$tmp/log" | sed 's/^/# /'
while IFS= read -r line; do
    case $line in
    "ok - "*) check "${line#ok - }" 0 ;;
    "not ok - "*) check "${line#not ok - }" 1 ;;
    "#"*) echo "$line" ;;
    esac
done <"$tmp/tap"
! grep -E 'CONSOLE' "$tmp/log" | sed 's/^/# /' | grep .
check "no error, no breach of the content security policy" $?

# ---- stores that are none ----
refuses() { # NAME TEXT
    local out status
    out=$("$tacit" report "$tmp/bad" 2>&1)
    status=$?
    [ $status = 2 ] && grep -qF -- "$2" <<<"$out" && [ "$(wc -l <<<"$out")" = 1 ] && [ ! -e "$tmp/bad/report.html" ] &&
        [ ! -e "$tmp/bad/figures" ] && [ ! -e "$tmp/bad/tables" ]
    check "refused: $1" $?
    [ $bad = 0 ] || echo "# status $status: $out"
    rm -rf "$tmp/bad"
}
spoilt() { # NAME TEXT SQL
    store "$tmp/bad" "$3"
    refuses "$1" "$2"
}
refuses "a folder that is not there" "bad/study.db: there is no such file"
mkdir "$tmp/bad"
refuses "a folder without a store" "bad/study.db: there is no such file"
mkdir "$tmp/bad" && echo "no database, however long this line of text may be" >"$tmp/bad/study.db"
refuses "a file that is no database" "bad/study.db: SQLite: file is not a database"
mkdir "$tmp/bad" && sqlite3 "$tmp/bad/study.db" 'CREATE TABLE t (x)'
refuses "another application's database" "bad/study.db: an SQLite database, but not tacit's"
spoilt "another version" "bad/study.db: a store of version 2, this program reads 1" "PRAGMA user_version = 2"
spoilt "a store without claims' table" "bad/study.db: there is no table 'claim'" "DROP TABLE claim"
spoilt "malformed rows" "bad/study.db: table result: 'curves': rows:1: " "UPDATE result SET rows = '[[1,2' WHERE name = 'curves'"
spoilt "rows that are no array" "'curves': rows: expected an array of arrays, found" "UPDATE result SET rows = '{}' WHERE name = 'curves'"
spoilt "a row of another length" "'scripts': rows: row 1: expected an array of 4 cells" "UPDATE result SET rows = '[[1,2]]' WHERE name = 'scripts'"
spoilt "a text in a column of numbers" "'scripts': rows: row 1: column 'prompts': expected a number, found \"x\"" \
    "UPDATE result SET rows = '[[\"Latin\",\"x\",1,1]]' WHERE name = 'scripts'"
spoilt "malformed columns" "'scripts': columns: field 'title': expected a string, found nothing" \
    "UPDATE result SET columns = '[{\"name\":\"a\",\"type\":\"text\"}]' WHERE name = 'scripts'"
spoilt "an unknown type" "'scripts': columns: field 'type': expected text, number, share or p, found \"date\"" \
    "UPDATE result SET columns = replace(columns, 'share', 'date') WHERE name = 'scripts'"
spoilt "a table without a column that its figure draws" "table result: 'scripts': there is no column 'null'" \
    "UPDATE result SET columns = replace(columns, '\"null\"', '\"nil\"') WHERE name = 'scripts'"
spoilt "a table's name that would lead elsewhere" "table result: name \"../x\"" "UPDATE result SET name = '../x' WHERE name = 'scripts'"

# ---- less than everything ----
store "$tmp/less" "DELETE FROM result; DELETE FROM claim; DELETE FROM task; DELETE FROM meta"
"$tacit" report "$tmp/less" >/dev/null && grep -q "<h1>A study</h1>" "$tmp/less/report.html" && [ -z "$(ls "$tmp/less/figures")" ]
check "a study without results has a page" $?
store "$tmp/rows" "UPDATE result SET rows = '[]'"
"$tacit" report "$tmp/rows" >/dev/null && [ -z "$(ls "$tmp/rows/figures")" ] && [ "$(wc -l <"$tmp/rows/tables/runs.tsv")" = 1 ]
check "tables without rows have no figure" $?
store "$tmp/old" "UPDATE result SET columns = json_remove(columns, '\$[0]'), rows = (SELECT json_group_array(json(json_remove(value, '\$[0]')))
    FROM json_each(rows) WHERE value ->> 0 = 'prompt') WHERE name IN ('similarity', 'related', 'wins')"
"$tacit" report "$tmp/old" >/dev/null && grep -q '>Against no prompt<' "$tmp/old/figures/wins.svg" &&
    grep -q '>cosine · Spearman 0.41' "$tmp/old/figures/related.svg" && grep -q '>lora:r=8,&lt;i&gt;: cosine · Spearman 0.2' "$tmp/out/figures/related.svg"
check "so has one of before there were further methods" $?
store "$tmp/null" "UPDATE result SET rows = (SELECT json_group_array(json((SELECT json_group_array(iif(json_type(r.value, '\$[' || c.key || ']') = 'text',
    json_extract(r.value, '\$[' || c.key || ']'), NULL)) FROM json_each(result.columns) c))) FROM json_each(result.rows) r)"
"$tacit" report "$tmp/null" >/dev/null && ! grep -qE '"[^"]*\b(nan|inf)\b' "$tmp/null"/figures/*.svg
check "a study whose numbers are all null has a page" $?
echo "1..$n"
exit $bad

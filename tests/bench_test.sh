#!/bin/bash
# `tacit bench` at the program's surface: its JSON and its trace are JSON and agree, what it is asked for is what it measures,
# and what it cannot do is refused before anything runs.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
"$tacit" init-model --layers 3 --width 48 --heads 6 --vocab 300 --out "$tmp/m" --quiet
bench() {
    "$tacit" bench --model "$tmp/m" --rows 3,5 --rounds 1 --texts 2 --length 9 --tokens 8 --prefill 20 --decode 4 --quiet "$@"
}
bench --json --trace "$tmp/trace.json" >"$tmp/json" 2>"$tmp/err"
check "bench" $?
# says NAME SQL: a condition over j (the output) and t (the trace) that must give 1
says() {
    local got
    got=$(sqlite3 :memory: "with j(x) as (select readfile('$tmp/json')), t(x) as (select readfile('$tmp/trace.json')),
        pass as (select json_each.key as i, json_each.value as v from j, json_each(j.x, '\$.passes')),
        op as (select pass.i as i, e.value as v from pass, json_each(pass.v, '\$.ops') e),
        product as (select json_each.key as i, json_each.value as v from j, json_each(j.x, '\$.products')),
        event as (select json_each.value as v from t, json_each(t.x, '\$.traceEvents')) $2" 2>&1)
    [ "$got" = 1 ] || echo "# $got"
    [ "$got" = 1 ]
    check "$1" $?
}
says "the output is JSON" "select json_valid(x) from j"
says "the trace is JSON" "select json_valid(x) from t"
says "products at the model's shapes, each at the rows asked for" "select group_concat(json_extract(v, '\$.name') || ' ' ||
    json_extract(v, '\$.M') || 'x' || json_extract(v, '\$.N') || 'x' || json_extract(v, '\$.K'), '; ') =
    'qkv 3x144x48; qkv 5x144x48; qkv, gradient 3x48x144; qkv, gradient 5x48x144; mlp up 3x192x48; mlp up 5x192x48; ' ||
    'mlp up, gradient 3x48x192; mlp up, gradient 5x48x192; mlp down 3x48x192; mlp down 5x48x192; ' ||
    'mlp down, gradient 3x192x48; mlp down, gradient 5x192x48' from product"
says "every product's share of the peak" "select min(json_extract(v, '\$.share')) > 0 and max(json_extract(v, '\$.share')) <= 1
    and abs(max(json_extract(v, '\$.flops') / json_extract(v, '\$.seconds') / json_extract(v, '\$.share') /
    (select json_extract(x, '\$.peak') from j)) - 1) < 1e-6 from product"
says "four passes, and the rows they compute of those there are" "select group_concat(json_extract(v, '\$.name') || ' ' ||
    json_extract(v, '\$.rows') || '/' || json_extract(v, '\$.tokens'), ', ') =
    'evaluation 24/32, training step (prompt) 24/32, prefill 28/28, decode 3/90' from pass"
says "the ops' seconds are parts of the watched run" "select count(*) = 4 and min(ok) from (select pass.i, sum(json_extract(op.v,
    '\$.seconds')) between 0 and json_extract(pass.v, '\$.watched') as ok from pass join op using (i) group by pass.i)"
says "memory of the process and by owner" "select min(json_extract(v, '\$.resident') >= json_extract(v, '\$.anonymous') and
    json_extract(v, '\$.anonymous') > 0) and (select json_extract(x, '\$.memory[0].bytes') > 4 * 3 * 12 * 48 * 48 and
    json_array_length(x, '\$.memory') = 7 from j) from pass"
says "decoding beside the reading of the same weights alone" "select json_extract(x, '\$.bandwidth') > 0 and
    json_extract(x, '\$.read_low') <= json_extract(x, '\$.read_share') and
    json_extract(x, '\$.passes[3].weight_bytes') = 3 * 4 * (3 * 12 * 48 * 48 + 300 * 48) from j"
says "page faults are counted" "select min(json_type(v, '\$.faults') = 'integer') from pass"
says "the trace has every call that was counted" "select (select sum(json_extract(v, '\$.calls')) from op) + 4 = (select count(*) from
    event) and not exists (select 1 from op where json_extract(v, '\$.name') not in (select json_extract(v, '\$.name') from event))"
says "and the passes around them" "select count(*) = 4 from event join pass on json_extract(event.v, '\$.name') =
    json_extract(pass.v, '\$.name') where json_extract(event.v, '\$.dur') > 0"
says "no thread waits longer than there is time" "select min(ifnull(json_extract(v, '\$.idle'), 0) between 0 and 1) from op"

bench --method lora:r=2 --threads 1 >"$tmp/table"
check "bench of a method" $?
grep -q '^training step (lora)  *16 of 16 ' "$tmp/table" && grep -q '^matmul_dw ' "$tmp/table" && grep -q '^moments ' "$tmp/table"
check "tables name the step, its ops and the owners of memory" $?
! grep -n '.\{101,\}' "$tmp/table" | grep -v OpenBLAS:
check "tables fit 100 columns" $?
[ -z "$(find "$tmp" -name '*.tmp')" ]
check "no temporary file is left" $?

refuses() { # NAME TEXT OPTIONS...
    local name=$1 text=$2 out status
    shift 2
    out=$(bench "$@" 2>&1)
    status=$?
    [ $status = 2 ] && grep -qF -- "$text" <<<"$out" && [ "$(wc -l <<<"$out")" = 1 ]
    set -- $?
    [ "$1" = 0 ] || echo "# $status: $out"
    check "$name" "$1"
}
refuses "a trace's folder that is not there" "$tmp/none/trace.json" --trace "$tmp/none/trace.json"
refuses "no rows" "option '--rows': expected" --rows ""
refuses "0 rows" "found '3,0'" --rows 3,0
refuses "an empty number of rows" "found '3,,5'" --rows 3,,5
refuses "rows beyond what is sensible" "rows: 1048577, expected 1 to 1048576" --rows 1048577
refuses "one token to decode" "tokens to decode: 1, expected 2 to" --decode 1
refuses "an unknown method" "method" --method nosuch
refuses "a backend without kernels" "only cpu can be measured" --backend ref
echo "1..$n"
exit $bad

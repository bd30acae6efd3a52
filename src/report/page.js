/* What the page can do beyond being read: linked selection, descriptions at the pointer, sorting, switching. Without it the
   page is complete. Texts enter the document as text alone. */
(function () {
    "use strict";
    var root = document.documentElement;
    root.classList.add("js");

    /* ---- light and dark ---- */
    function remembered(value) {
        try {
            if (value !== undefined) localStorage.setItem("tacit-theme", value);
            return localStorage.getItem("tacit-theme");
        } catch (e) {
            return null;
        }
    }
    function isDark() {
        var set = root.getAttribute("data-theme");
        return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    }
    var asked = /[?&]theme=(light|dark)/.exec(location.search);
    var theme = asked ? asked[1] : remembered();
    if (theme === "light" || theme === "dark") root.setAttribute("data-theme", theme);
    d3.select(".theme").on("click", function () {
        var to = isDark() ? "light" : "dark";
        root.setAttribute("data-theme", to);
        remembered(to);
        label();
    });
    function label() {
        d3.select(".theme").text(isDark() ? "Light" : "Dark");
    }
    label();

    /* What a mark, or the group that it stands in, is about. */
    function about(mark, name) {
        var holder = mark.closest("[" + name + "]");
        return holder ? holder.getAttribute(name) : null;
    }

    /* ---- marks: descriptions, a tab stop a figure ---- */
    var byPrompt = new Map(), byTask = new Map();
    function remember(map, key, node) {
        if (key === null) return;
        if (!map.has(key)) map.set(key, []);
        map.get(key).push(node);
    }
    d3.selectAll(".fig .name").each(function () {
        remember(byTask, this.parentNode.getAttribute("data-task"), this);
    });
    d3.selectAll("tr[data-prompt]").each(function () {
        remember(byPrompt, this.getAttribute("data-prompt"), this);
    });
    d3.selectAll("figure").each(function () {
        d3.select(this).selectAll("svg").attr("role", "group");
        d3.select(this).selectAll(".mark").each(function (d, i) {
            var title = this.querySelector("title");
            this.setAttribute("aria-label", title.textContent);
            this.setAttribute("role", "img");
            this.setAttribute("tabindex", i ? "-1" : "0");
            this.removeChild(title);
            remember(byPrompt, about(this, "data-prompt"), this);
            remember(byPrompt, about(this, "data-other"), this);
            remember(byTask, about(this, "data-task"), this);
        });
    });

    var tip = d3.select("body").append("div").attr("id", "tip").attr("role", "tooltip").attr("hidden", "");
    function showTip(mark, x, y) {
        tip.text(mark.getAttribute("aria-label")).attr("hidden", null);
        var box = tip.node().getBoundingClientRect();
        var left = Math.min(x + 14, innerWidth - box.width - 8), top = y + 16;
        if (top + box.height > innerHeight - 8) top = Math.max(8, y - box.height - 12);
        tip.style("left", Math.max(8, left) + "px").style("top", top + "px");
    }

    /* ---- linked selection: what is under the pointer or focused, else what was chosen ---- */
    var chosen = null, lit = [];
    function subjectOf(mark) {
        var prompt = about(mark, "data-prompt"), task = about(mark, "data-task");
        return prompt !== null ? { prompt: prompt, task: task } : task !== null ? { task: task } : null;
    }
    function members(subject) {
        if (subject.prompt === undefined) return byTask.get(subject.task) || [];
        /* Marks of the whole task stay with any of its prompts. */
        var whole = (byTask.get(subject.task) || []).filter(function (node) {
            return about(node, "data-prompt") === null;
        });
        return (byPrompt.get(subject.prompt) || []).concat(whole);
    }
    function light(subject) {
        lit.forEach(function (node) { node.classList.remove("on"); });
        lit = subject ? members(subject) : [];
        lit.forEach(function (node) { node.classList.add("on"); });
        root.classList.toggle("picking", !!subject);
    }
    var picked = d3.select("body").append("div").attr("id", "picked").attr("role", "status").attr("hidden", "");
    picked.append("span");
    picked.append("button").attr("type", "button").text("Clear (Esc)").on("click", function () { choose(null); });
    function same(a, b) {
        return a && b && a.prompt === b.prompt && a.task === b.task;
    }
    function choose(subject) {
        chosen = subject && !same(subject, chosen) ? subject : null;
        light(chosen);
        picked.attr("hidden", chosen ? null : "");
        if (chosen) {
            var figures = new Set(lit.map(function (node) {
                return node.closest("section.block").id;
            })).size;
            picked.select("span").text((chosen.prompt !== undefined ? chosen.prompt : taskName(chosen.task)) +
                " is shown in " + figures + (figures === 1 ? " figure" : " figures"));
        }
        d3.selectAll(".tasks button").attr("aria-pressed", function () {
            return String(!!chosen && chosen.prompt === undefined && this.getAttribute("data-pick") === chosen.task);
        });
    }
    function taskName(number) {
        var item = document.querySelector('.tasks [data-pick="' + Number(number) + '"]');
        return item ? item.textContent : "";
    }
    d3.selectAll(".tasks li").each(function () {
        var item = this, number = item.getAttribute("data-pick");
        var button = d3.create("button").attr("type", "button").attr("data-pick", number).attr("aria-pressed", "false");
        while (item.firstChild) button.node().appendChild(item.firstChild);
        item.removeAttribute("data-pick");
        item.appendChild(button.node());
        button.on("click", function () { choose({ task: number }); });
    });

    function markAt(target) {
        return target && target.closest ? target.closest(".mark") : null;
    }
    d3.selectAll("figure").on("mouseover", function () {
        var mark = markAt(d3.event.target);
        if (mark) light(subjectOf(mark) || chosen);
    }).on("mousemove", function () {
        var mark = markAt(d3.event.target);
        if (mark) showTip(mark, d3.event.clientX, d3.event.clientY);
        else tip.attr("hidden", "");
    }).on("mouseout", function () {
        tip.attr("hidden", "");
        light(chosen);
    }).on("focusin", function () {
        var mark = markAt(d3.event.target);
        if (!mark || !mark.matches(":focus-visible")) return;
        var box = mark.getBoundingClientRect();
        light(subjectOf(mark) || chosen);
        showTip(mark, box.left + box.width / 2, box.bottom - 8);
    }).on("focusout", function () {
        tip.attr("hidden", "");
        light(chosen);
    }).on("click", function () {
        var mark = markAt(d3.event.target);
        if (mark) choose(subjectOf(mark));
    }).on("keydown", function () {
        var mark = markAt(d3.event.target);
        if (mark) keyOn(mark, this);
    });
    d3.select(document).on("keydown", function () {
        if (d3.event.key !== "Escape") return;
        tip.attr("hidden", "");
        choose(null);
    });

    function middle(node) {
        var box = node.getBoundingClientRect();
        return [box.left + box.width / 2, box.top + box.height / 2];
    }
    /* The mark that lies nearest in the arrow's direction; being off to a side counts double. */
    function neighbour(mark, marks, dx, dy) {
        var from = middle(mark), best = null, least = Infinity;
        marks.forEach(function (node) {
            var to = middle(node), x = to[0] - from[0], y = to[1] - from[1];
            var ahead = x * dx + y * dy, aside = Math.abs(x * dy) + Math.abs(y * dx);
            var cost = ahead + 2 * aside;
            if (node !== mark && ahead > 0.5 && cost < least) {
                least = cost;
                best = node;
            }
        });
        return best;
    }
    var arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    function keyOn(mark, figure) {
        var key = d3.event.key, to = null;
        var marks = d3.select(figure).selectAll("svg:not([hidden]) .mark").nodes();
        if (key === "Enter" || key === " ") choose(subjectOf(mark));
        else if (arrows[key]) to = neighbour(mark, marks, arrows[key][0], arrows[key][1]);
        else if (key === "Home") to = marks[0];
        else if (key === "End") to = marks[marks.length - 1];
        else return;
        d3.event.preventDefault();
        if (!to) return;
        mark.setAttribute("tabindex", "-1");
        to.setAttribute("tabindex", "0");
        to.focus();
    }

    /* ---- one panel alone, or all ---- */
    d3.selectAll(".panels[data-switch]").each(function () {
        var panels = d3.select(this), all = panels.selectAll("svg");
        if (all.size() < 2) return;
        var names = ["All"].concat(all.nodes().map(function (svg) {
            return svg.getAttribute("aria-label").split(" \u00b7 ")[0];
        }));
        var bar = d3.select(this.parentNode).insert("div", ".panels").attr("class", "switch")
            .attr("role", "group").attr("aria-label", "Panels");
        var buttons = bar.selectAll("button").data(names).enter().append("button").attr("type", "button")
            .text(String).on("click", function (d, i) { show(i); });
        function show(which) {
            all.attr("hidden", function (d, i) { return which && i !== which - 1 ? "" : null; });
            panels.classed("one", which > 0);
            buttons.attr("aria-pressed", function (d, i) { return String(i === which); });
            all.selectAll(".mark").attr("tabindex", "-1");
            panels.select("svg:not([hidden]) .mark").attr("tabindex", "0");
        }
        show(0);
    });

    /* ---- tables sorted by a column ---- */
    function value(row, column, numeric) {
        var cell = row.cells[column];
        if (!numeric) return cell.textContent;
        var full = cell.getAttribute("title") || cell.textContent.replace(/,/g, "").replace("\u2212", "-");
        return full === "\u2013" ? NaN : Number(full);
    }
    function compare(a, b, down) {
        var none = (a !== a) - (b !== b);
        return none || (down ? d3.descending(a, b) : d3.ascending(a, b));
    }
    d3.selectAll("table.data").each(function () {
        var table = this, heads = d3.select(table).selectAll("thead th");
        heads.each(function (d, column) {
            var head = d3.select(this), text = head.text();
            head.text("").append("button").attr("type", "button").text(text).on("click", function () {
                var down = head.attr("aria-sort") === "ascending", numeric = head.classed("n");
                heads.attr("aria-sort", null);
                head.attr("aria-sort", down ? "descending" : "ascending");
                var body = table.tBodies[0];
                Array.from(body.rows).map(function (row) {
                    return { row: row, v: value(row, column, numeric) };
                }).sort(function (a, b) { return compare(a.v, b.v, down); }).forEach(function (x) {
                    body.appendChild(x.row);
                });
            });
        });
    });

    /* A link to a figure's table opens it; on paper short tables are open. */
    addEventListener("beforeprint", function () {
        d3.selectAll("details[data-short]").attr("open", "");
    });
}());

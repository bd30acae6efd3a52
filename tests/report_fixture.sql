-- A made-up store for tests/report_test.sh, behind src/study/schema.sql: four tasks of four runs, texts that are markup,
-- numbers that are null. Numbers come from sines, so that they are the same everywhere; they mean nothing.
PRAGMA application_id = 0x74616369;
PRAGMA user_version = 1;
INSERT INTO meta VALUES
    ('study', 'Four tasks of a micro-world'), ('version', '0.1.0'), ('model', 'tacit:micro'),
    ('machine', 'Intel Xeon & co., 2 threads'), ('date', '2026-11-25'),
    ('hostile', '<script>alert(1)</script> "&'' </td></table>'),
    ('file', 'name: micro
tasks: [entail, sense, pronoun, "a<b>&c"]
seeds: 4   # <img src=x onerror=alert(2)>
');
INSERT INTO task VALUES
    ('entail', 0, 'Does the first sentence entail the second? True or false?
', 2000, 200, 400, 0.5, 'a'),
    ('sense', 1, 'Is the word used in one sense? Yes or no?
', 2000, 200, 400, 0.5225, 'b'),
    ('pronoun', 2, 'Does the pronoun mean the name? <b>True</b> or "false"?
', 1500, 200, 380, 0.61, 'c'),
    ('a<b>&c', 3, '这两句话的意思一样吗？
', 900, 100, 200, 0.7, 'd');

CREATE TEMP TABLE num(i INTEGER);
WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i < 40) INSERT INTO num SELECT i FROM k;
CREATE TEMP VIEW seed AS SELECT i + 1 AS seed FROM num WHERE i < 4;
-- What trained prompts reach, and where they lie.
CREATE TEMP TABLE run AS SELECT name AS task, position AS t, seed, 0.93 - 0.07 * position + 0.03 * sin(7 * seed + 3 * position) AS acc,
    cos(1.6 * position) + 0.2 * sin(5 * seed) AS x, sin(1.6 * position) + 0.2 * cos(3 * seed + position) AS y FROM task, seed;
CREATE TEMP TABLE method(m INTEGER, name TEXT, low REAL, runs INTEGER);
INSERT INTO method VALUES (0, 'none', -0.36, 1), (1, 'random', -0.38, 4), (2, 'description', -0.25, 1), (3, 'paraphrase', -0.27, 6),
    (4, 'start', -0.29, 1), (5, 'prompt', 0, 4), (6, 'shuffled', -0.34, 4), (7, 'drift', -0.3, 4), (8, 'discrete', -0.22, 4),
    (9, 'full', 0.03, 4);

-- A table: its columns as NAME:TYPE:TITLE, by commas.
CREATE TEMP TABLE made(name TEXT, position INTEGER, part TEXT, title TEXT, note TEXT, columns TEXT, rows TEXT);
INSERT INTO made SELECT 'accuracy', 1, 'accuracy', 'Accuracy by method', 'Test accuracy with 95 % intervals; the last epoch counts.',
    'task:text:Task,method:text:Method,runs:number:Runs,accuracy:share:Accuracy,low:share:From,high:share:To,auroc:number:AUROC,loss:number:Loss,parameters:number:Parameters,seconds:number:Seconds',
    json_group_array(json_array(t.name, m.name, m.runs, 0.93 - 0.07 * t.position + m.low, 0.9 - 0.07 * t.position + m.low,
        0.955 - 0.07 * t.position + m.low, iif(m.m = 1, NULL, 0.95 - 0.06 * t.position + m.low), 0.2 + 0.05 * m.m,
        iif(m.m = 9, 1064000, iif(m.m < 5, 0, 2560)), 1.25 * m.m)) FROM task t, method m;
INSERT INTO made VALUES ('methods', 2, 'accuracy', 'Methods', '',
    'method:text:Method,runs:number:Runs,parameters:number:Parameters,bytes:number:Bytes,seconds:number:Seconds,memory:number:Memory,accuracy:share:Accuracy,low:share:From,high:share:To,difference:share:Difference,difference_low:share:From,difference_high:share:To,forgetting:number:Forgetting',
    '[["prompt",16,2560,10400,12.25,41000000,0.825,0.80123,0.849,-0.03,-0.04,-0.02,0.0123],["full",16,1064000,4257000,131.5,63000000,0.855,0.83,0.88,null,null,null,1.5],
      ["lora:r=8,<i>",16,49152,null,null,null,0.861,0.84,0.88,0.006,-0.01,0.02,null],["ia3",16,0,99,0.001,5e9,null,null,null,null,null,null,-0.02]]');
INSERT INTO made SELECT 'runs', 2, 'accuracy', 'Single runs', '',
    'task:text:Task,method:text:Method,seed:number:Seed,accuracy:share:Accuracy,low:share:From,high:share:To,auroc:number:AUROC,loss:number:Loss',
    json_group_array(json_array(task, m.name, seed, acc + m.low, acc + m.low - 0.03, acc + m.low + 0.025, 0.9, 0.3)) FROM run, method m WHERE m.m IN (5, 6, 9);
INSERT INTO made SELECT 'curves', 3, 'accuracy', 'Training curves', '',
    'task:text:Task,method:text:Method,seed:number:Seed,epoch:number:Epoch,loss:number:Training loss,dev_accuracy:share:Dev accuracy,drift:number:Drift',
    json_group_array(json_array(task, m, seed, i, 0.7 * exp(-0.12 * i) + 0.05 * t + 0.02 * sin(i + seed), acc - 0.35 * exp(-0.2 * i) + 0.01 * sin(2 * i + seed),
        0.3 * sqrt(i))) FROM (SELECT * FROM run, (SELECT 'prompt' AS m UNION SELECT 'full'), num WHERE i <= 20 ORDER BY t, m DESC, seed, i);
CREATE TEMP TABLE word(p INTEGER, start TEXT, near TEXT, script TEXT);
INSERT INTO word VALUES (1, 'Does', ' does', 'Latin'), (2, ' the', ' the', 'Latin'), (3, ' first', ' first', 'Latin'),
    (4, ' sentence', '<script>alert(1)</script>', 'Latin'), (5, ' entail', ' 是真的吗', 'Han'), (6, '?', '"&''', 'none'),
    (7, ' True', ' True', 'Latin'), (8, ' or', '
', 'none'), (9, ' false', ' ложь', 'Cyrillic'), (10, '?', ' </title></svg>', 'Latin');
INSERT INTO made SELECT 'reading', 4, 'reading', 'Nearest tokens of every prompt', 'By cosine, in the model''s own embedding.',
    'task:text:Task,seed:number:Seed,place:number:Place,start:text:Start,rank:number:Rank,token:text:Token,script:text:Script,cosine:number:Cosine,persisted:number:Persisted,drift:number:Drift',
    json_group_array(json_array(task, seed, p, start, rank, iif(rank = 1, iif((p + seed + t) % 3, near, start), near || rank), script, 0.9 - 0.04 * p - 0.1 * rank,
        json(iif((p + seed + t) % 3, 'false', 'true')), 0.1 * p + 0.05 * seed))
    FROM (SELECT * FROM run, word, (SELECT 1 AS rank UNION SELECT 2 UNION SELECT 3) ORDER BY t, seed, p, rank);
INSERT INTO made SELECT 'persistence', 5, 'reading', 'Tokens that persist', '',
    'task:text:Task,method:text:Method,seed:number:Seed,persisted:share:Persisted,drift:number:Drift',
    json_group_array(json_array(task, m, seed, 0.4 + 0.05 * ((seed * 3 + t) % 6) + d, 1.1)) FROM run, (SELECT 'prompt' AS m, 0.0 AS d UNION SELECT 'drift', 0.2);
INSERT INTO made SELECT 'words', 6, 'reading', 'Words of the descriptions', '',
    'task:text:Task,place:number:Place,word:text:Word,persisted:share:Persisted,drift:number:Drift,control:number:Control',
    json_group_array(json_array(name, p, start, (p % 5) / 4.0, 0.3 + 0.1 * ((p * 7) % 9), 0.6)) FROM task, word;
INSERT INTO made SELECT 'recurring', 7, 'reading', 'Tokens that come back', '',
    'token:text:Token,script:text:Script,tasks:number:Tasks,prompts:number:Prompts,p:p:p', json_group_array(json_array(near, script, 1 + p % 4, 12 - p, 0.0001 * p * p * p)) FROM word;
INSERT INTO made VALUES ('scripts', 8, 'reading', 'Scripts', '', 'script:text:Script,prompts:share:Prompts,null:share:Expected,difference:share:Difference',
    '[["Latin",0.71234567890123457,0.78,-0.07],["Han",0.11,0.06,0.05],["Cyrillic",0.03,0.02,0.01],["none",0.15,0.14,0.01],["Arabic",0,0.0004,-0.0004]]');
INSERT INTO made SELECT 'knockout', 9, 'reading', 'Without one token', '',
    'task:text:Task,seed:number:Seed,place:number:Place,start:text:Start,accuracy:share:Accuracy,change:share:Change,low:share:From,high:share:To',
    json_group_array(json_array(task, seed, p, start, acc + c, c, c - 0.02, c + 0.02)) FROM (SELECT *, -0.12 * pow(sin(p * 2 + t), 4) + 0.01 * sin(seed * p) AS c FROM run, word ORDER BY t, seed, p);
INSERT INTO made SELECT 'wayward', 10, 'reading', 'Wayward prompts', '',
    'task:text:Task,weight:number:Weight,seed:number:Seed,accuracy:share:Accuracy,loss:number:Loss,target_share:share:At the target,distance:number:Distance',
    json_group_array(json_array(task, w, seed, acc - 0.05 * w, 0.3 + w, min(1, w * 1.2 + 0.02 * seed), 1 / (0.2 + w))) FROM run, (SELECT 0 AS w UNION SELECT 0.01 UNION SELECT 0.1 UNION SELECT 1);
INSERT INTO made VALUES ('verbalise', 11, 'reading', 'What the model says of a prompt', '', 'task:text:Task,kind:text:Kind,seed:number:Seed,from_layer:number:From layer,to_layer:number:To layer,score:number:Score,said:text:Said',
    '[["entail","prompt",1,2,0,0.25,"is <i>it</i> true\nor not"],["sense","description",null,2,1,null,null]]');

INSERT INTO made SELECT 'seeds', 1, 'stochasticity', 'Runs that differ in their seed alone', '',
    'task:text:Task,runs:number:Runs,mean:share:Mean,sd:share:SD,min:share:Least,max:share:Most,sampling_error:share:Sampling error,q:number:Q,p:p:p,discordant:share:Discordant,equivalent:p:Equivalent',
    json_group_array(json_array(task, 4, m, 0.02 + 0.004 * t, lo, hi, 0.0125, 9.25, 0.026, 0.08, 0.3)) FROM (SELECT task, t, avg(acc) AS m, min(acc) AS lo, max(acc) AS hi FROM run GROUP BY t);
INSERT INTO made SELECT 'drift', 2, 'stochasticity', 'Drift from the description', '',
    'task:text:Task,seed:number:Seed,raw:number:Raw,per_token:number:A token,normed:number:Normed,cosine:number:Cosine,description_accuracy:share:Description,accuracy:share:Accuracy',
    json_group_array(json_array(task, seed, 4 + t + 0.3 * sin(seed), 0.4 + 0.1 * t + 0.03 * sin(seed), 7.5 + t, 0.8 - 0.05 * t + 0.01 * seed, 0.68 - 0.07 * t, acc)) FROM run;
CREATE TEMP VIEW pair AS SELECT a.task || '/prompt/' || a.seed AS a, b.task || '/prompt/' || b.seed AS b, a.t = b.t AS same, a.task AS task, a.seed AS sa, b.seed AS sb,
    sqrt((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y)) AS d FROM run a, run b WHERE (a.t, a.seed) < (b.t, b.seed) ORDER BY a.t, a.seed, b.t, b.seed;
INSERT INTO made SELECT 'distances', 3, 'stochasticity', 'Distances between prompts', '',
    'a:text:One,b:text:Other,same_task:number:Same task,raw:number:Euclidean,normed:number:Normed,matched:number:Matched,cosine:number:Cosine,control:number:Control',
    json_group_array(json_array(a, b, same, 3 + 2 * d, 5 + 4 * d, 2 + 1.5 * d, 0.9 - 0.3 * d, 3.4 + 0.3 * sin(100 * d))) FROM pair;
CREATE TEMP TABLE place AS SELECT task || '/prompt/' || seed AS prompt, task, 'prompt' AS kind, seed, x, y FROM run
    UNION ALL SELECT name || '/description', name, 'description', NULL, 0.5 * cos(1.6 * position), 0.5 * sin(1.6 * position) FROM task
    UNION ALL SELECT 'random/' || seed, NULL, 'random', seed, 0.3 * sin(seed), 0.3 * cos(2 * seed) FROM seed;
INSERT INTO made SELECT 'layout', 4, 'stochasticity', 'Prompts in a plane', '',
    'method:text:Method,prompt:text:Prompt,task:text:Task,kind:text:Kind,seed:number:Seed,x:number:x,y:number:y',
    json_group_array(json_array(m, prompt, task, kind, seed, x * cos(r) - y * sin(r) + 0.05 * sin(31 * x + r), s * (x * sin(r) + y * cos(r))))
    FROM (SELECT * FROM (SELECT 0 AS i, 'pca' AS m, 0.0 AS r, 1.0 AS s UNION SELECT 1, 'mds', 0.9, 0.9 UNION SELECT 2, 'tsne', 2.1, 1.4), place ORDER BY i);
INSERT INTO made VALUES ('layouts', 5, 'stochasticity', 'How true the layouts are', '', 'method:text:Method,trustworthiness:number:Trustworthiness,stress:number:Stress,share:share:Variance,kl:number:KL',
    '[["pca",0.91,null,0.47,null],["mds",0.93,0.21,null,null],["tsne",0.97,null,null,0.38]]');
INSERT INTO made SELECT 'trajectory', 6, 'stochasticity', 'The way of each run', '', 'task:text:Task,seed:number:Seed,epoch:number:Epoch,x:number:x,y:number:y',
    json_group_array(json_array(task, seed, i, x * (1 - exp(-0.2 * i)) + 0.5 * cos(1.6 * t) * exp(-0.2 * i) + 0.03 * sin(i * seed), y * (1 - exp(-0.2 * i)) + 0.5 * sin(1.6 * t) * exp(-0.2 * i)))
    FROM (SELECT * FROM run, num WHERE i <= 20 ORDER BY t, seed, i);
INSERT INTO made SELECT 'paths', 7, 'stochasticity', 'Straight lines between runs', '', 'task:text:Task,a:text:From,b:text:To,t:number:Part,accuracy:share:Accuracy,loss:number:Loss',
    json_group_array(json_array(task, a, b, i / 10.0, 0.9 - 0.25 * d * sin(3.14159 * i / 10), 0.3 + d * sin(3.14159 * i / 10))) FROM (SELECT * FROM pair, num WHERE same AND i <= 10 ORDER BY a, b, i);
INSERT INTO made SELECT 'noise', 8, 'stochasticity', 'Chance by its source', '', 'task:text:Task,source:text:Source,runs:number:Runs,mean:share:Mean,sd:share:SD,low:share:From,high:share:To,verdict:text:Verdict',
    json_group_array(json_array(t.name, s, 4, 0.92 - 0.07 * position, 0.01 * (k + 1), 0.9 - 0.07 * position - 0.005 * k, 0.94 - 0.07 * position, 'within the margin'))
    FROM task t, (SELECT 0 AS k, 'order' AS s UNION SELECT 1, 'init' UNION SELECT 2, 'moments');

INSERT INTO made SELECT 'transfer', 1, 'transfer', 'Every prompt on every task', '', 'prompt:text:Prompt,task:text:Source,kind:text:Kind,seed:number:Seed,target:text:Target,accuracy:share:Accuracy,auroc:number:AUROC,none:share:No prompt,random:share:Random',
    json_group_array(json_array(task || '/' || m || '/' || seed, task, m, seed, name, iif(task = name, acc, 0.52 + 0.08 * sin(3 * t + 5 * position + seed)), 0.6 + 0.1 * sin(t + position), 0.55 - 0.01 * position, 0.53))
    FROM (SELECT * FROM run, (SELECT 'prompt' AS m UNION SELECT 'lora:r=8,<i>'), task ORDER BY t, m DESC, seed, position);
INSERT INTO made SELECT 'similarity', 2, 'transfer', 'How alike tasks'' prompts are', '', 'method:text:Method,measure:text:Measure,a:text:One,b:text:Other,value:number:Value',
    json_group_array(json_array(by, m, a.name, b.name, iif(a.position = b.position, 1, 0.5 + 0.4 * sin(k + (a.position + 1) * (b.position + 1))))) FROM (SELECT 0 AS k, 'cosine' AS m UNION SELECT 1, 'shared tokens' UNION SELECT 2, 'activations'), task a, task b,
    (SELECT 'prompt' AS by UNION SELECT 'lora:r=8,<i>') WHERE by = 'prompt' OR m = 'cosine';
INSERT INTO made VALUES ('related', 3, 'transfer', 'Similarity and transfer', '', 'method:text:Method,measure:text:Measure,target:text:Target,n:number:n,spearman:number:Spearman,p:p:p,smallest_p:p:Smallest p',
    '[["prompt","cosine","all",12,0.41,0.09,0.001],["prompt","shared tokens","all",12,-0.02,0.93,0.001],["prompt","activations","all",12,0.62,0.0004,0.0001],
      ["lora:r=8,<i>","cosine","all",12,0.2,0.2,0.001]]');
INSERT INTO made SELECT 'wins', 4, 'transfer', 'Better than nothing?', '', 'method:text:Method,target:text:Target,against:text:Against,sources:number:Sources,wins:number:Wins,ties:number:Ties,losses:number:Losses',
    json_group_array(json_array(m, name, g, 12, 3 + position, 2, 7 - position)) FROM task, (SELECT 'prompt' AS m UNION SELECT 'lora:r=8,<i>'), (SELECT 'no prompt' AS g UNION SELECT 'random tokens');

INSERT INTO made VALUES ('sweep', 1, 'sweep', 'Settings', '',
    'task:text:Task,method:text:Method,config:text:Config,lr:number:Rate,tokens:number:Tokens,init:text:Init,settings:text:Settings,runs:number:Runs,diverged:number:Diverged,validation:share:Validation,accuracy:share:Accuracy',
    '[["entail","prompt","prompt,lr=0.01",0.01,5,"vocab",null,2,0,0.8,0.81],["entail","prompt","prompt,lr=1",1,5,"vocab",null,2,2,null,null],
      ["entail","prompt","prompt,lr=0.001",0.001,5,"vocab",null,2,0,0.7,0.7123],["entail","full","full,lr=0.01",0.01,null,null,"a=<b>",2,1,0.6,0.75],
      ["sense","prompt","prompt,lr=0.01",0.01,5,"vocab",null,2,0,0.8,0.81]]');
INSERT INTO made VALUES ('sweep_best', 2, 'sweep', 'The best', '',
    'task:text:Task,method:text:Method,config:text:Config,validation:share:Validation,accuracy:share:Accuracy,low:share:From,high:share:To,tried:number:Tried',
    '[["entail","prompt","prompt,lr=0.01",0.8,0.81,0.7,0.9,3],["all","prompt","prompt,lr=0.01",0.8,0.81,null,null,3]]');

-- "a:text:A,b:share:B" to the JSON that the store keeps.
INSERT INTO result SELECT name, position, part, title, note,
    (SELECT json_group_array(json_object('name', substr(value, 1, instr(value, ':') - 1), 'type', substr(rest, 1, instr(rest, ':') - 1),
        'title', substr(rest, instr(rest, ':') + 1)))
    FROM (SELECT value, substr(value, instr(value, ':') + 1) AS rest FROM json_each('["' || replace(columns, ',', '","') || '"]'))), rows FROM made;

INSERT INTO claim VALUES
    ('A1', 1, 'accuracy', 'Trained prompts are better than the description that they started from', 'mean difference over tasks', 0.247123456789012, 0.2213, 0.2731, 0.00002, 0.00026, 'label-shuffled training gains nothing', 'holds', '4 of 4 tasks.', 'accuracy'),
    ('A2', 2, 'accuracy', 'They come within the margin of training the whole model', 'non-inferiority, margin 0.03', -0.031, -0.052, -0.009, 0.21, 0.63, 'same data and epochs', 'does not hold', '', 'accuracy'),
    ('R1', 3, 'reading', 'Most tokens persist as their start''s nearest neighbour', 'share of tokens', 0.55, 0.49, 0.61, NULL, NULL, 'drift-matched perturbations: 0.75', 'cannot be told here', 'The control persists too: <script>alert(1)</script> & "more".', 'persistence'),
    ('R2', 4, 'reading', '外文 tokens come back across tasks', 'permutation of labels', 3, NULL, NULL, 0.04, 0.2, 'frequency-matched tokens', 'by construction', 'Looked at while the world was made.', 'recurring'),
    ('S1', 5, 'stochasticity', 'Runs of a task lie nearer to one another than to other tasks', 'rank statistic', 0.83, 0.71, 0.92, 0.0004, 0.004, 'exchange of labels', 'holds', 'Kept with multiplicity in mind.', 'distances'),
    ('S2', 6, 'stochasticity', 'A straight line between two runs has no wall', 'largest dip', 0.12, 0.08, 0.16, NULL, NULL, 'lines to random points', 'does not hold', '', 'paths'),
    ('T1', 7, 'transfer', 'Alike prompts transfer better', 'Spearman, Mantel test', 0.41, NULL, NULL, 0.09, 0.27, 'permuted tasks', 'cannot be told here', 'Six pairs are too few: the smallest p is 0.04.', 'related'),
    ('T2', 8, 'transfer', 'Prompts of other tasks are better than none', 'sign test', NULL, NULL, NULL, NULL, NULL, 'random tokens', 'cannot be told here', '', NULL);

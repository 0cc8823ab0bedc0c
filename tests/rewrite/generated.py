"""Small Ray programs put together from parts.

A function, what it is submitted over, its arguments, the site, what becomes of the references, a
hazard, and the place of it all. Many parts do not fit each other: then both programs must fail
alike.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from hypothesis import strategies as st

FUNCTIONS = {
    "single return": "@ray.remote\ndef work(x, k=1):\n    return x * k + 1\n",
    "body": "@ray.remote\ndef work(x, k=1):\n    y = x + k\n    return y * y\n",
    "early return": (
        "@ray.remote\ndef work(x, k=1):\n"
        "    if x % 3 == 0:\n        return None\n    return x - k\n"
    ),
    "list result": "@ray.remote\ndef work(x, k=1):\n    return [x, k]\n",
    "docstring, typed": (
        "@ray.remote\n"
        'def work(x: int, k: int = 1) -> tuple[int, int]:\n    """Pair."""\n    return (x, k)\n'
    ),
    "options": "@ray.remote(num_cpus=0.5)\ndef work(x, k=1):\n    return {'x': x, 'k': k}\n",
    "wrapped later": "def plain(x, k=1):\n    return x ^ k\n\n\nwork = ray.remote(plain)\n",
    "raises": (
        "@ray.remote\ndef work(x, k=1):\n"
        "    if x == 211:\n        raise ValueError(x)\n    return x + k\n"
    ),
    "stop iteration": "@ray.remote\ndef work(x, k=1):\n    return next(iter([x][: x != 211]))\n",
    "generator": "@ray.remote\ndef work(x, k=1):\n    yield x + k\n",
    "two results": "@ray.remote(num_returns=2)\ndef work(x, k=1):\n    return x, k\n",
    "state": (
        "SEEN = []\n\n\n@ray.remote\ndef work(x, k=1):\n    SEEN.append(x)\n    return x + k\n"
    ),
    "helper": (
        "def low(x):\n    return x if x < 40 else low(x - 40)\n\n\n"
        "@ray.remote\ndef work(x, k=1):\n    # the remainder\n    return low(x) * k\n"
    ),
    "reads global": (
        "SCALE = 2\n\n\n@ray.remote\ndef work(x, k=1):\n    y = x * SCALE\n    return y - k\n"
    ),
    "keyword only": "@ray.remote\ndef work(x=0, *, k=1):\n    return x - k if k else x\n",
    "variadic": "@ray.remote\ndef work(*args, **options):\n    return len(args) + len(options)\n",
    "closure": (
        "def make(shift):\n    @ray.remote\n    def inner(x, k=1):\n        return x + k + shift\n"
        "\n    return inner\n\n\nwork = make(4)\n"
    ),
    "decorated": (
        "import functools\n\n\ndef twice(function):\n    @functools.wraps(function)\n"
        "    def inner(*args, **kwargs):\n        return [function(*args, **kwargs)] * 2\n\n"
        "    return inner\n\n\n@ray.remote\n@twice\ndef work(x, k=1):\n    return x + k\n"
    ),
    "mutates": "@ray.remote\ndef work(x, k=1):\n    x += k\n    return x\n",
    "mutable default": (
        "@ray.remote\ndef work(x, k=1, found=[]):\n    return x + k + len(found)\n"
    ),
    "returns argument": "@ray.remote\ndef work(x, k=1):\n    return k, x\n",
    "seeded": (
        "import random\n\n\n@ray.remote\ndef work(x, k=1):\n    rng = random.Random(x)\n"
        "    return rng.randint(0, 9) * k\n"
    ),
    "own name": "@ray.remote\ndef work(x, k=1):\n    return x + k, work is None\n",
    "actor": (
        "@ray.remote\nclass Keeper:\n    def __init__(self):\n        self.seen = 0\n\n"
        "    def note(self, x, k=1):\n        self.seen += 1\n        return self.seen, x, k\n\n\n"
        "keeper = Keeper.remote()\nwork = keeper.note\n"
    ),
    "actor method": (
        "@ray.remote\nclass Keeper:\n    def __init__(self):\n        self.seen = []\n\n"
        "    def work(self, x, k=1):\n        self.seen.append(k)\n"
        "        return len(self.seen) + k\n\n\nkeeper = Keeper.remote()\n"
    ),
    "actor, raises": (
        "@ray.remote\nclass Keeper:\n    def __init__(self):\n        self.total = 0\n\n"
        "    def work(self, x, k=1):\n        if x == 205:\n            raise KeyError(x)\n"
        "        self.total += k\n        return self.total\n\n\nkeeper = Keeper.remote()\n"
    ),
}
FUNCTIONS |= {
    "lambda": "work = ray.remote(lambda x, k=1: x * 2 + k)\n",
    "recursion": (
        "@ray.remote\ndef work(x, k=1):\n    def down(n):\n"
        "        return n if n < 9 else down(n // 2)\n\n    return down(x) + k\n"
    ),
    "array result": "@ray.remote\ndef work(x, k=1):\n    return np.full(2, x) + k\n",
    "no result": "@ray.remote\ndef work(x, k=1):\n    x + k\n",
    "comment and docstring": (
        "# about work\n@ray.remote  # remote\ndef work(x, k=1):  # one item\n"
        '    """Add."""\n    # the sum\n    return x + k  # done\n'
    ),
    "keywords given": (
        "@ray.remote(max_retries=0, num_returns=1)\ndef work(x, k=1):\n    return (x, k)\n"
    ),
    "retries": (
        "@ray.remote(max_retries=2, retry_exceptions=True)\ndef work(x, k=1):\n"
        "    return abs(x) % 7 + k\n"
    ),
    "typed body": (
        "@ray.remote\ndef work(x: int, k: int = 1) -> int:\n"
        "    total = 0\n    for n in range(3):\n        total += x * n\n    return total - k\n"
    ),
    "try inside": (
        "@ray.remote\ndef work(x, k=1):\n    try:\n        return 10 // (x - 3)\n"
        "    except ZeroDivisionError:\n        return k\n"
    ),
    "asks who it is": (
        "@ray.remote\ndef work(x, k=1):\n"
        "    return x, ray.get_runtime_context().get_task_id() is None\n"
    ),
    "process id": "import os\n\n\n@ray.remote\ndef work(x, k=1):\n    return os.getpid() > x * k\n",
    "changes its argument": (
        "@ray.remote\ndef work(x, k=1):\n    if isinstance(x, list):\n        x.append(k)\n"
        "    return x\n"
    ),
    "async actor": (
        "@ray.remote\nclass Keeper:\n    async def work(self, x, k=1):\n        return x + k\n\n\n"
        "keeper = Keeper.remote()\n"
    ),
    "actor with a comment": (
        "@ray.remote\nclass Keeper:  # keeps\n    def __init__(self, start=2):\n"
        "        self.last = start\n\n    def work(self, x, k=1):\n        # the one before\n"
        "        before, self.last = self.last, k\n        return before, x\n\n"
        "    def peek(self):\n        return self.last\n\n\nkeeper = Keeper.remote(5)\n"
    ),
}
METHODS = {"actor method", "actor, raises", "async actor", "actor with a comment"}
"""Functions that are submitted as ``keeper.work.remote``."""
ITERABLES = {
    "range": "range(N)",
    "steps": "range(N, 0, -1)",
    "list": "list(range(N))",
    "comprehension": "[n * 3 for n in range(N)]",
    "iterator": "iter(range(N))",
    "generator": "(n + 1 for n in range(N))",
    "sorted": "sorted(range(N), key=lambda n: -n)",
    "reversed": "reversed(range(N))",
    "dictionary": "{n: n for n in range(N)}",
    "map": "map(abs, range(N))",
    "references": "[ray.put(n) for n in range(N)]",
    "tuple": "tuple(range(N))",
    "characters": "'probably' * 30",
    "set": "{n * 7 for n in range(N)}",
    "values": "{str(n): n for n in range(N)}.values()",
    "array": "np.arange(N)",
    "pairs": "[[n, n + 1] for n in range(N)]",
    "chained": "itertools.chain(range(100), range(N))",
    "slice": "list(range(2 * N))[N:]",
    "counted": "itertools.islice(itertools.count(), N)",
    "names": "sorted(str(n) for n in range(N))",
    "zip": "(a + b for a, b in zip(range(N), range(N)))",
    "few": "range(40)",
    "bar": "tqdm(range(N), disable=True)",
    "bar of a list": "tqdm([n - 3 for n in range(N)], disable=True, total=N)",
    "keys": "{n: str(n) for n in range(N)}",
    "bytes": "bytes(range(240))",
    "linspace": "np.linspace(0.0, 1.0, N)",
    "repeated": "[4] * N",
    "filtered": "filter(None, range(N + 1))",
    "generator function": "numbers_up_to(N)",
    "batches": "[range(n, n + 3) for n in range(N)]",
    "rows": "np.ones((N, 2))",
    "dicts": "[{'n': n} for n in range(N)]",
    "nothing": "range(N, N)",
}
ARGUMENTS: tuple[str, ...] = (
    "x",
    "x, 3",
    "x, k=factor",
    "k=x, x=factor",
    "x=x",
    "factor, x",
    "*[x, 2]",
    "",
)
ARGUMENTS += (
    "factor",
    "x * 2",
    "x, factor + 1",
    "**{'x': x}",
    "x, k=x",
    "[x]",
    "x if x else factor",
)
ARGUMENTS += ("x, [factor]", "(x, factor)", "next(numbers)", "x, shared")
ARGUMENTS += ("x, *[3]", "x, **extra", "str(x)", "len(items)", "x[0]", "lambda: x", "x, lookup")
SITES = {
    "list": "refs = [work.remote({argument}) for x in {iterable}]",
    "append": "refs = []\nfor x in {iterable}:\n    refs.append(work.remote({argument}))",
    "append, noted": (
        "refs = []\nseen = 0\nfor x in {iterable}:\n"
        "    seen += 1  # counted\n    refs.append(work.remote({argument}))\nprint(seen)"
    ),
    "append, break": (
        "refs = []\nfor x in {iterable}:\n    refs.append(work.remote({argument}))\n"
        "    if len(refs) == 250:\n        break"
    ),
    "filtered": "refs = [work.remote({argument}) for x in {iterable} if id(x)]",
    "extend": "refs = []\nrefs.extend(work.remote({argument}) for x in {iterable})",
    "augmented": "refs = []\nfor x in {iterable}:\n    refs += [work.remote({argument})]",
    "generator": "refs = list(work.remote({argument}) for x in {iterable})",
    "starred": "refs = [*(work.remote({argument}) for x in {iterable})]",
    "options": "refs = [work.options(num_cpus=0.5).remote({argument}) for x in {iterable}]",
    "dictionary": (
        "table = {{n: work.remote({argument}) for n, x in enumerate({iterable})}}\n"
        "refs = list(table.values())"
    ),
    "dictionary filled": (
        "table = {{}}\nfor n, x in enumerate({iterable}):\n    table[n] = work.remote({argument})\n"
        "refs = [table[n] for n in table]"
    ),
    "nested": "refs = [work.remote({argument}) for n in range(2) for x in {iterable} if n]",
    "nested lists": (
        "rows = [[work.remote({argument}) for x in range(n, n + 20)] for n in range(15)]\n"
        "refs = sum(rows, [])"
    ),
    "nested loops": (
        "refs = []\nfor n in range(15):\n    for x in range(n, n + 20):\n"
        "        refs.append(work.remote({argument}))"
    ),
    "while": (
        "refs = []\nx = 0\nwhile x < N:\n    refs.append(work.remote({argument}))\n    x += 1"
    ),
    "while, backwards": (
        "refs = []\nx = N\nwhile x:\n    x -= 1\n    refs.append(work.remote({argument}))"
    ),
    "map": "refs = list(map(work.remote, {iterable}))",
    "map, starred": "refs = [*map(work.remote, {iterable}, range(N))]",
    "map, lambda": "refs = list(map(lambda x: work.remote({argument}), {iterable}))",
    "one line": "refs = []\nfor x in {iterable}: refs.append(work.remote({argument}))",
    "two loops": (
        "refs = []\nfor x in {iterable}:\n    refs.append(work.remote({argument}))\n"
        "for x in range(200):\n    refs.append(work.remote({argument}))"
    ),
    "through a name": (
        "refs = []\nfor x in {iterable}:\n    ref = work.remote({argument})\n    refs.append(ref)"
    ),
    "with continue": (
        "refs = []\nfor x in {iterable}:\n    if x == 5:\n        continue\n"
        "    refs.append(work.remote({argument}))"
    ),
    "under a condition": (
        "refs = []\nfor x in {iterable}:\n    if x != 5:\n"
        "        refs.append(work.remote({argument}))"
    ),
    "two branches": (
        "refs = []\nfor x in {iterable}:\n    if x != 5:\n"
        "        refs.append(work.remote({argument}))\n"
        "    else:\n        refs.append(work.remote(1))"
    ),
    "beside the item": (
        "both = []\nfor x in {iterable}:\n    both.append((x, work.remote({argument})))\n"
        "refs = [ref for _, ref in both]"
    ),
    "fetched at once": (
        "refs = []\nfor x in {iterable}:\n"
        "    refs.append(ray.put(ray.get(work.remote({argument}))))"
    ),
    "printed between": (
        "refs = []\nfor x in {iterable}:\n    if len(refs) % 100 == 0:\n"
        "        print('so far', len(refs))\n    refs.append(work.remote({argument}))"
    ),
    "fails midway": (
        "refs = []\ntry:\n    for n, x in enumerate({iterable}):\n"
        "        refs.append(work.remote(10 // (230 - n)))\nexcept ZeroDivisionError:\n"
        "    print('ended', len(refs))"
    ),
    "buffer": (
        "refs = []\nbuffer = [0]\nfor x in {iterable}:\n    buffer[0] = x\n"
        "    refs.append(work.remote(len(buffer), buffer))"
    ),
    "accumulated": (
        "refs = []\ntotal = np.zeros(2)\nfor x in {iterable}:\n    total += 1\n"
        "    refs.append(work.remote(1, total))"
    ),
    "previous result": (
        "refs = []\nlast = 0\nfor x in {iterable}:\n    last = work.remote(last)\n"
        "    refs.append(last)\nrefs = refs[:3]"
    ),
    "limited": (
        "refs, open_refs = [], []\nfor x in {iterable}:\n    if len(open_refs) > 20:\n"
        "        _, open_refs = ray.wait(open_refs, num_returns=1)\n"
        "    refs.append(work.remote({argument}))\n    open_refs.append(refs[-1])"
    ),
    "else": (
        "refs = []\nfor x in {iterable}:\n    refs.append(work.remote({argument}))\n"
        "else:\n    print('all')"
    ),
    "varying options": (
        "refs = [work.options(name=str(x)).remote({argument}) for x in {iterable}]"
    ),
    "dropped": (
        "refs = []\nfor x in {iterable}:\n    work.remote({argument})\n"
        "refs.append(ray.put(len(refs)))"
    ),
    "walrus": (
        "refs = [(last := work.remote({argument})) for x in {iterable}]\nprint(last is refs[-1])"
    ),
    "later": (
        "refs = [work.remote({argument}) for x in {iterable}]\nfactor = 100  # after the submission"
    ),
    "set": (
        "refs = list({{work.remote({argument}) for x in {iterable}}})\nprint(len(refs))\n"
        "refs.sort(key=str)"
    ),
    "values at once": (
        "results = ray.get([work.remote({argument}) for x in {iterable}])\n"
        "refs = [ray.put(result) for result in results]"
    ),
    "inside a call": (
        "print(len(sorted(map(str, ray.get([work.remote({argument}) for x in {iterable}])))))\n"
        "refs = [ray.put(1) for _ in range(12)]"
    ),
    "pairs": "refs = [work.remote({argument}) for n, x in enumerate({iterable})]",
    "zip": "refs = [work.remote({argument}) for x, y in zip({iterable}, range(N)) if y >= 0]",
    "nested target": (
        "refs = []\nfor n, (x, y) in enumerate(zip({iterable}, range(N))):\n"
        "    refs.append(work.remote({argument}))"
    ),
    "repetition": "refs = [work.remote({argument}) for _ in range(N) for x in [factor]]",
    "one by one": (
        "found = []\nfor x in {iterable}:\n    found.append(ray.get(work.remote({argument})))\n"
        "refs = [ray.put(one) for one in found]"
    ),
    "printed one by one": (
        "refs = []\nfor x in {iterable}:\n    result = ray.get(work.remote({argument}))\n"
        "    if len(refs) < 12:\n        refs.append(ray.put(result))\n        print(result)"
    ),
    "iterated map": ("refs = []\nfor ref in map(work.remote, {iterable}):\n    refs.append(ref)"),
    "prefilled": (
        "refs = [None] * N\nfor n, x in zip(range(N), {iterable}):\n"
        "    refs[n] = work.remote({argument})\nrefs = [ref for ref in refs if ref is not None]"
    ),
    "attribute": (
        "class Box:\n    pass\n\n\nbox = Box()\nbox.refs = []\nfor x in {iterable}:\n"
        "    box.refs.append(work.remote({argument}))\nrefs = box.refs"
    ),
    "deque": (
        "queue = collections.deque()\nfor x in {iterable}:\n"
        "    queue.append(work.remote({argument}))\nrefs = list(queue)"
    ),
    "grouped": (
        "groups = collections.defaultdict(list)\nfor n, x in enumerate({iterable}):\n"
        "    groups[n % 3].append(work.remote({argument}))\n"
        "refs = [ref for key in sorted(groups) for ref in groups[key]]"
    ),
    "helper": (
        "def submit(x):\n    return work.remote({argument})\n\n\n"
        "refs = [submit(x) for x in {iterable}]"
    ),
    "given and returned": (
        "def submit_all(xs):\n    return [work.remote({argument}) for x in xs]\n\n\n"
        "refs = submit_all({iterable})"
    ),
    "yielded": (
        "def submitted():\n    for x in {iterable}:\n        yield work.remote({argument})\n\n\n"
        "refs = list(submitted())"
    ),
    "async comprehension": (
        "async def submitted():\n    return [work.remote({argument}) for x in {iterable}]\n\n\n"
        "refs = asyncio.run(submitted()) if place == 'sync' else []"
    ),
    "conditional value": (
        "refs = [work.remote({argument}) if n % 2 else work.remote(factor)"
        " for n, x in enumerate({iterable})]"
    ),
    "with statement": (
        "refs = []\nwith contextlib.nullcontext():\n    for x in {iterable}:\n"
        "        refs.append(work.remote({argument}))"
    ),
    "timed": (
        "began = time.time()\nrefs = [work.remote({argument}) for x in {iterable}]\n"
        "print(time.time() >= began)"
    ),
    "items change": (
        "items = [[n] for n in range(N)]\nrefs = []\nfor x in items:\n"
        "    refs.append(work.remote(1, x))\n    x.append(0)"
    ),
    "list grows": (
        "items = list(range(150))\nrefs = []\nfor x in items:\n"
        "    refs.append(work.remote({argument}))\n    if len(items) < N:\n        items.append(x)"
    ),
    "work list": (
        "items = list(range(N))\nrefs = []\nwhile items:\n    x = items.pop()\n"
        "    refs.append(work.remote({argument}))"
    ),
    "multi-line": (
        "refs = [\n    work.remote(  # the work\n        {argument}\n    )\n"
        "    for x in {iterable}  # every one\n]"
    ),
    "both": (
        "refs = [work.remote({argument}) for x in {iterable}]\n"
        "refs += [work.remote(n) for n in range(200)]"
    ),
    "remote made here": (
        "def other(x):\n    return -x\n\n\nrefs = [ray.remote(other).remote(n) for n in range(N)]"
    ),
}
CONSUMPTIONS = {
    "whole": "print(ray.get(refs))",
    "sum of words": "print(sum(len(str(r)) for r in ray.get(refs)))",
    "one by one": "for ref in refs:\n    print(ray.get(ref))",
    "counted": "print(len(refs), ray.get(refs)[-1])",
    "sliced": "print(ray.get(refs[:7]))",
    "zipped": "print([(n, r) for n, r in zip(range(9), ray.get(refs))])",
    "waited": (
        "total = 0\nwhile refs:\n    done, refs = ray.wait(refs)\n"
        "    total += len(str(ray.get(done[0])))\nprint(total)"
    ),
    "caught": (
        "good = 0\nfor ref in refs:\n    try:\n        good += len(str(ray.get(ref)))\n"
        "    except Exception:\n        good -= 1\nprint(good)"
    ),
    "caught whole": (
        "try:\n    print(ray.get(refs))\nexcept Exception as error:\n"
        "    print(type(error).__name__)"
    ),
    "escaping": "def show(found):\n    return [ray.get(r) for r in found]\n\n\nprint(show(refs))",
    "dictionary": "print(dict(zip(range(N), ray.get(refs))))",
    "largest": "print(max(str(r) for r in ray.get(refs)), sorted(map(str, ray.get(refs)))[:4])",
    "numbered": (
        "for n, ref in enumerate(refs):\n    if n % 50 == 0:\n        print(n, ray.get(ref))"
    ),
    "joined": "more = refs + refs[:3]\nprint(len(more), ray.get(more)[-1])",
    "listed": "print([ray.get(ref) for ref in refs][-3:])",
    "indexed": "print(ray.get(refs[0]), ray.get(refs[-1]), refs.index(refs[2]))",
    "waited for many": (
        "count = 0\nwhile refs:\n"
        "    done, refs = ray.wait(refs, num_returns=min(25, len(refs)))\n"
        "    count += len(ray.get(done))\nprint(count)"
    ),
    "waited with time": (
        "done, rest = ray.wait(refs, num_returns=len(refs), timeout=30)\n"
        "print(len(done), len(rest), ray.get(done)[5])"
    ),
    "gathered": (
        "async def gather(found):\n    return await asyncio.gather(*found)\n\n\n"
        "print(asyncio.run(gather(refs)))"
    ),
    "passed on": (
        "@ray.remote\ndef count(*values):\n    return len([str(v) for v in values])\n\n\n"
        "print(ray.get(count.remote(*refs)))"
    ),
    "passed on each": (
        "@ray.remote\ndef show(value):\n    return str(value)[:9]\n\n\n"
        "print(ray.get([show.remote(ref) for ref in refs]))"
    ),
    "keyed": "place = {ref: n for n, ref in enumerate(refs)}\nprint(len(place), place[refs[9]])",
    "with timeout": "print(ray.get(refs, timeout=60))",
    "only some": "print([ray.get(ref) for n, ref in enumerate(refs) if n < 9])",
    "attribute": (
        "class Kept:\n    pass\n\n\nkept = Kept()\nkept.refs = refs\nprint(ray.get(kept.refs)[:5])"
    ),
    "changed results": (
        "results = ray.get(refs)\nfor result in results[:1]:\n    if isinstance(result, list):\n"
        "        result.append('more')\nprint(results)"
    ),
    "caught by name": (
        "try:\n    print(len(ray.get(refs)))\nexcept (ValueError, KeyError) as error:\n"
        "    print(repr(error.cause))"
    ),
    "suppressed": (
        "with contextlib.suppress(Exception):\n    print(len(ray.get(refs)))\n"
        "print(ray.get(refs[0]))"
    ),
    "nothing": "print(type(refs).__name__)",
    "twice": "results = ray.get(refs)\nprint(results[:3])\nprint(len(ray.get(refs)))",
    "with the items": (
        "for n, result in zip(range(20), ray.get(refs)):\n    print(n, result)\n"
        "print([str(r) for r in ray.get(refs)][::40])"
    ),
    "reversed": "print([ray.get(ref) for ref in reversed(refs)][:5])",
    "popped": "total = []\nwhile refs:\n    total.append(ray.get(refs.pop()))\nprint(total[:9])",
    "batches of references": (
        "for start in range(0, len(refs), 64):\n    print(len(ray.get(refs[start : start + 64])))"
    ),
    "as a set": "print(len(set(refs)), refs[0] in refs)",
    "awaited": (
        "async def each(found):\n    return [await ref for ref in found]\n\n\n"
        "print(asyncio.run(each(refs))[:7])"
    ),
    "futures": "print([str(ref.future().result())[:9] for ref in refs[:5]])",
    "passed to an actor": (
        "@ray.remote\nclass Sink:\n    def take(self, values):\n"
        "        return len(ray.get(values))\n\n\nprint(ray.get(Sink.remote().take.remote(refs)))"
    ),
    "if any": "if refs:\n    print(any(r == 2 for r in map(str, ray.get(refs))))",
    "flattened": (
        "print(list(itertools.chain.from_iterable([str(r)] for r in ray.get(refs)))[:9])"
    ),
    "unpacked": "first, *_, last = ray.get(refs)\nprint(first, last)",
    "compared": "print(ray.get(refs) == ray.get(refs[:]), refs[0] == refs[1])",
    "caught each, counted": (
        "failed = 0\nfor ref in refs:\n    try:\n        ray.get(ref)\n"
        "    except ray.exceptions.RayTaskError:\n        failed += 1\nprint(failed)"
    ),
    "cancelled": "ray.cancel(refs[-1])\nprint(ray.get(refs[0]))",
    "kept elsewhere": "KEPT.extend(refs)\nprint(len(KEPT), ray.get(KEPT[3]))",
    "deleted": "results = ray.get(refs)\ndel refs\nprint(len(results), results[0])",
}


HAZARDS = {
    "none": ("", ""),
    "names taken": ("work_batch = split_into_batches = batch = 'mine'", "print(work_batch, batch)"),
    "variable read after": ("", "print(x)"),
    "function used after": ("", "print(ray.get(work.remote(7)))"),
    "function gone": ("", "work = None"),
    "global changed": ("ray.wait([work.remote(3)])\nSCALE = 50", "print(SCALE)"),
    "built-in taken": ("len_, list_ = len, list\nrange_ = range", "print(len_(refs))"),
    "names listed": ("", "print(sorted(n for n in locals() if n[0] in 'rw'))"),
    "comment": ("# before the site", "# after the site"),
    "private": ("__hidden = 3", "print(__hidden)"),
    "remainder": ("rest = iter(range(3))", "print(list(rest), next(numbers))"),
    "failure around": (
        "def careful(value):\n    try:\n        return ray.get(value)\n"
        "    except Exception:\n        return None\n\n\ncareful(shared)",
        "print(careful(refs[-1]) if refs else '')",
    ),
    "actor meanwhile": (
        "@ray.remote\nclass Other:\n    def seen(self):\n        return 1\n\n\n"
        "other = Other.remote()\nray.get(other.seen.remote())",
        "print(ray.get(other.seen.remote()))",
    ),
    "used as an object": ("", "print(type(work).__name__ if hasattr(work, 'remote') else '')"),
    "semicolons": ("one = 1; two = 2", "print(one, two)"),
    "deferred": ("def again():\n    return factor", "print(again())"),
}
"""What stands before the site, and what stands after the consumption."""
PLACES = ("module", "function", "method", "async function", "main", "class body", "condition")


@dataclass(frozen=True)
class Parts:
    """The names of the parts of a program and where it stands."""

    function: str
    iterable: str
    argument: str
    site: str
    consumption: str
    hazard: str
    place: str

    def source(self) -> bytes:
        """Return the program; it submits between 200 and 300 tasks."""
        site = SITES[self.site].format(argument=self.argument, iterable=ITERABLES[self.iterable])
        if self.function in METHODS:
            site = re.sub(r"\bwork\.(?=remote|options)", "keeper.work.", site)
        before, after = HAZARDS[self.hazard]
        setup = "factor = 5\nshared = ray.put(2)\nnumbers = iter(range(1000))\n"
        setup += "extra = {'k': 2}\nlookup = {'a': 1}\nitems = [0] * 7\n"
        setup += f"place = {'async' if self.place.startswith('async') else 'sync'!r}"
        parts = [setup, before, site, CONSUMPTIONS[self.consumption], after]
        body = "\n".join(part for part in parts if part)
        head = "# expect: equal\n"
        modules = ("asyncio", "collections", "contextlib", "itertools", "time")
        head += "".join(f"import {module}\n" for module in modules)
        head += "\nimport numpy as np\nimport ray\nfrom tqdm import tqdm\n\n"
        head += "N = 240\nKEPT = []\nray.init()\n\n\n"
        head += "def numbers_up_to(n):\n    for x in range(n):\n        yield x\n\n\n"
        return f"{head}{FUNCTIONS[self.function]}\n\n{placed(body, self.place)}\n".encode()


def placed(body: str, place: str) -> str:
    """Return statements where the place wants them."""
    if place == "module":
        return body
    opening, depth, closing = {
        "function": ("def main():", 1, "\n\nmain()"),
        "method": ("class App:\n    def run(self):", 2, "\n\nApp().run()"),
        "async function": ("async def main():", 1, "\n\nasyncio.run(main())"),
        "main": ('if __name__ == "__main__":', 1, ""),
        "class body": ("class App:", 1, ""),
        "condition": ("if N > 100:", 1, ""),
    }[place]
    return f"{opening}\n{textwrap.indent(body, '    ' * depth)}\n{closing}"


def parts() -> st.SearchStrategy[Parts]:
    """Every combination of the parts."""
    return st.builds(
        Parts,
        st.sampled_from(list(FUNCTIONS)),
        st.sampled_from(list(ITERABLES)),
        st.sampled_from(ARGUMENTS),
        st.sampled_from(list(SITES)),
        st.sampled_from(list(CONSUMPTIONS)),
        st.sampled_from(list(HAZARDS)),
        st.sampled_from(PLACES),
    )

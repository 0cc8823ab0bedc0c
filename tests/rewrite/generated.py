"""Small Ray programs put together from parts: site, iterable, argument, function, consumption."""

from __future__ import annotations

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
}
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
}
ARGUMENTS = ("x", "x, 3", "x, k=factor", "k=x, x=factor", "x=x", "factor, x", "*[x, 2]", "")
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
    "later": (
        "refs = [work.remote({argument}) for x in {iterable}]\nfactor = 100  # after the submission"
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
    "twice": "results = ray.get(refs)\nprint(results[:3])\nprint(len(ray.get(refs)))",
}


@dataclass(frozen=True)
class Parts:
    """The names of the parts of a program and where it stands."""

    function: str
    iterable: str
    argument: str
    site: str
    consumption: str
    in_function: bool

    def source(self) -> bytes:
        """Return the program; it submits between 200 and 300 tasks."""
        site = SITES[self.site].format(argument=self.argument, iterable=ITERABLES[self.iterable])
        body = f"factor = 5\n{site}\n{CONSUMPTIONS[self.consumption]}\n"
        if self.in_function:
            lines = [f"    {line}" if line else "" for line in body.splitlines()]
            body = "\n".join(["def main():", *lines, "", "", "main()", ""])
        head = "# expect: equal\nimport ray\n\nN = 300\nray.init()\n\n\n"
        return f"{head}{FUNCTIONS[self.function]}\n\n{body}".encode()


def parts() -> st.SearchStrategy[Parts]:
    """Every combination of the parts."""
    return st.builds(
        Parts,
        st.sampled_from(list(FUNCTIONS)),
        st.sampled_from(list(ITERABLES)),
        st.sampled_from(ARGUMENTS),
        st.sampled_from(list(SITES)),
        st.sampled_from(list(CONSUMPTIONS)),
        st.booleans(),
    )

"""One Ray task per number: the commonest way to make a Ray program slow.

Each task does about 10 µs of work, and costs Ray many times that before it starts. See what
ray-lint makes of it with ``ray-lint --diff examples/too_fine_grained.py``.
"""

import time

import ray


@ray.remote
def double(number):
    """Return twice the number, after a little work."""
    time.sleep(0.00001)
    return number * 2


def main():
    """Double ten thousand numbers on Ray."""
    ray.init()
    refs = [double.remote(number) for number in range(10_000)]
    doubled = ray.get(refs)
    print(f"{len(doubled):,} numbers doubled, the last one is {doubled[-1]:,}")


if __name__ == "__main__":
    main()

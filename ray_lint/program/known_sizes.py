"""Names and calls that tell a size: the words of few, the wrappers, constructors and sources.

Dotted names are those of the defining package's public API.
"""

from __future__ import annotations

# one submission per worker, node, file …: few, and meant to be single
WORKER_WORDS = frozenset(
    """
    actor agent block bucket bundle cluster consumer core cpu device dir directory env
    executor file filename folder gpu host job learner machine mapper mesh node parallel
    parallelism partition path peer pool proc process producer rank reducer replica runner
    server shard simulator stage thread trainer worker
    """.split()  # noqa: SIM905
)

# where these are spoken of, a node is no machine
GRAPH_WORDS = frozenset(
    {"adj", "adjacency", "edge", "graph", "neighbor", "neighbour", "pagerank", "vertex"}
)

# the items are chunks of something already
MADE_CHUNKS = frozenset({"batch", "batched", "chunk", "chunked", "minibatch"})
SHORT_CHUNK = 64  # items: hardly work for a task
SHORT_TEXT = 1_000  # characters, or bytes
CHUNK_WORDS = MADE_CHUNKS | {"group", "page", "slice", "split", "window"}

# the items of the first argument, counted on the screen
PROGRESS_BARS = frozenset(
    """
    alive_progress.alive_it progressbar.progressbar rich.progress.track tqdm.auto.tqdm
    tqdm.notebook.tqdm tqdm.std.tqdm tqdm.tqdm tqdm.tqdm_notebook
    """.split()  # noqa: SIM905
)

# as many items as the first argument
SAME_SIZE = frozenset(
    """
    builtins.bytearray builtins.bytes
    builtins.enumerate builtins.iter builtins.list builtins.reversed
    builtins.sorted builtins.tuple collections.deque copy.copy copy.deepcopy
    itertools.accumulate itertools.pairwise numpy.array numpy.asarray
    numpy.flip numpy.random.permutation numpy.sort pandas.Series
    random.shuffle ray.get ray.put torch.tensor
    """.split()  # noqa: SIM905
)
SAME_SIZE |= PROGRESS_BARS

# as many items as the first argument, if that is an array
ELEMENTWISE = frozenset(
    """
    numpy.abs numpy.absolute numpy.around numpy.ceil numpy.clip numpy.cos numpy.cumsum numpy.exp
    numpy.floor numpy.log numpy.log10 numpy.log1p numpy.log2 numpy.maximum numpy.minimum numpy.mod
    numpy.power numpy.rint numpy.round numpy.sign numpy.sin numpy.sqrt numpy.square numpy.tan
    numpy.tanh numpy.trunc numpy.where
    """.split()  # noqa: SIM905
)

# empty at first, whatever the arguments
QUEUES = frozenset(
    """
    queue.Queue queue.LifoQueue queue.PriorityQueue queue.SimpleQueue
    """.split()  # noqa: SIM905
)

# ranges of numbers
RANGES = frozenset(
    """
    builtins.range builtins.xrange numpy.arange tqdm.auto.trange tqdm.notebook.trange
    tqdm.std.trange tqdm.trange tqdm.tnrange
    """.split()  # noqa: SIM905
)

# at most as many items as the first argument
DISTINCT = frozenset(
    """
    builtins.dict builtins.frozenset builtins.set numpy.unique
    """.split()  # noqa: SIM905
)

# calls that give chunks of a fixed size
CHUNKERS = frozenset(
    """
    boltons.iterutils.chunked cytoolz.partition_all funcy.chunks itertools.batched
    more_itertools.batched more_itertools.chunked more_itertools.grouper
    more_itertools.ichunked more_itertools.sliced toolz.partition toolz.partition_all
    """.split()  # noqa: SIM905
)

# calls that give a fixed number of chunks
SPLITTERS = frozenset(
    """
    more_itertools.distribute more_itertools.divide numpy.array_split numpy.hsplit numpy.split
    numpy.vsplit torch.chunk torch.split
    """.split()  # noqa: SIM905
)

# arrays whose first argument is their shape
SHAPED = frozenset(
    """
    numpy.empty numpy.full numpy.ones numpy.random.random numpy.random.sample
    numpy.random.standard_exponential numpy.random.standard_normal numpy.zeros
    torch.empty torch.ones torch.zeros
    """.split()  # noqa: SIM905
)

# arrays whose arguments are their dimensions
DIMENSIONS = frozenset(
    """
    numpy.random.rand numpy.random.randn torch.rand torch.randn
    """.split()  # noqa: SIM905
)

# arrays with a `size` argument
SIZED = frozenset(
    """
    numpy.random.beta numpy.random.binomial numpy.random.choice numpy.random.exponential
    numpy.random.integers numpy.random.normal numpy.random.poisson numpy.random.randint
    numpy.random.uniform
    """.split()  # noqa: SIM905
)

# position of that argument
SIZE_INDEX = {
    "randint": 2,
    "integers": 2,
    "uniform": 2,
    "normal": 2,
    "choice": 1,
    "poisson": 1,
    "exponential": 1,
    "binomial": 2,
    "beta": 2,
}

# calls that give as much as the data holds
DATA_CALLS = frozenset(
    """
    builtins.input builtins.open csv.DictReader csv.reader datasets.load_dataset json.load
    json.loads numpy.genfromtxt numpy.load numpy.loadtxt os.walk pandas.DataFrame
    pandas.read_csv pandas.read_excel pandas.read_json pandas.read_parquet pandas.read_sql
    pandas.read_table pickle.load pickle.loads sqlite3.connect torch.load yaml.safe_load
    """.split()  # noqa: SIM905
)

# calls that list files
FILE_CALLS = frozenset(
    """
    glob.glob glob.iglob os.listdir os.scandir
    """.split()  # noqa: SIM905
)

# methods that give as much as the data holds
DATA_METHODS = frozenset(
    """
    fetchall find findall finditer iter_rows iterrows itertuples json nlargest read_text
    readlines rows split splitlines take take_all to_dict to_list to_numpy tolist unique
    """.split()  # noqa: SIM905
)

# calls that tell how large the machine or cluster is
CPU_CALLS = frozenset(
    """
    joblib.cpu_count multiprocessing.cpu_count os.cpu_count psutil.cpu_count
    ray.available_resources ray.cluster_resources ray.nodes torch.cuda.device_count
    """.split()  # noqa: SIM905
)

# methods that make a text of the same length, or shorter
SAME_LENGTH = frozenset(
    """
    capitalize casefold encode lower lstrip removeprefix removesuffix rstrip strip swapcase title
    translate upper
    """.split()  # noqa: SIM905
)

# methods that cut a text into pieces: the text is the receiver, or the last argument
PIECES_OF_RECEIVER = frozenset({"split", "rsplit", "splitlines"})
PIECES = PIECES_OF_RECEIVER | {"findall", "finditer"}

# methods of a text that give what is before a mark, the mark, and the rest
IN_THREE = frozenset({"partition", "rpartition"})

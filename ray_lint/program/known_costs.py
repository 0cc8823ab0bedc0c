"""Calls with a known cost character: the one place to add a library to.

Dotted names are those of the defining package's public API. A name that ends with ``.*`` stands
for everything below it; the longest match decides. Figures are orders of magnitude measured with
``benchmarks/cost_classes.py``; what depends on its arguments is listed per item.
"""

from __future__ import annotations

HEAVY: dict[str, str] = {
    # input and output
    "builtins.open": "opens a file",
    "io.open": "opens a file",
    "os.system": "runs a command",
    "os.popen": "runs a command",
    "os.walk": "walks a directory",
    "os.listdir": "reads a directory",
    "os.makedirs": "touches the file system",
    "glob.*": "searches the file system",
    "shutil.*": "copies or removes files",
    "subprocess.*": "starts a process",
    "multiprocessing.*": "starts processes",
    "asyncio.create_subprocess_exec": "starts a process",
    "asyncio.create_subprocess_shell": "starts a process",
    "tempfile.*": "creates a file",
    "zipfile.*": "reads an archive",
    "tarfile.*": "reads an archive",
    "gzip.*": "compresses data",
    "bz2.*": "compresses data",
    "lzma.*": "compresses data",
    "sqlite3.*": "queries a database",
    "socket.*": "uses the network",
    "ssl.*": "uses the network",
    "smtplib.*": "uses the network",
    "ftplib.*": "uses the network",
    "http.client.*": "uses the network",
    "urllib.request.*": "uses the network",
    "json.load": "reads a file",
    "json.dump": "writes a file",
    "pickle.load": "reads a file",
    "pickle.dump": "writes a file",
    "builtins.input": "waits for the user",
    "pdb.*": "waits for the user",
    "signal.pause": "waits",
    "threading.Thread": "starts a thread",
    "concurrent.futures.*": "starts workers",
    # network and databases
    **{
        f"{package}.*": "uses the network"
        for package in (
            "requests", "httpx", "aiohttp", "urllib3", "boto3", "botocore", "s3fs", "gcsfs",
            "fsspec", "paramiko", "fabric", "grpc", "websocket", "websockets", "selenium",
            "playwright", "scrapy", "kafka", "confluent_kafka", "pika", "redis", "pymongo",
            "motor", "psycopg2", "psycopg", "asyncpg", "mysql", "pymysql", "sqlalchemy",
            "elasticsearch", "google.cloud", "azure", "openai", "anthropic", "wikipedia",
            "yfinance", "feedparser", "wandb", "mlflow", "neptune", "comet_ml", "smart_open",
            "huggingface_hub", "minio", "pyodbc", "snowflake",
        )
    },
    # data frames and files of data
    "pandas.read_*": "reads data",
    "pandas.*": "works on a data frame",
    "polars.*": "works on a data frame",
    "dask.*": "computes a graph",
    "pyarrow.parquet.*": "reads or writes data",
    "pyarrow.csv.*": "reads data",
    "pyspark.*": "runs a Spark job",
    "modin.*": "works on a data frame",
    "geopandas.*": "works on a data frame",
    "xarray.*": "works on data sets",
    "h5py.*": "reads a file",
    "netCDF4.*": "reads a file",
    "rasterio.*": "reads an image",
    "datasets.*": "loads a data set",
    # training, inference, simulation
    **{
        f"{package}.*": "trains or runs a model"
        for package in (
            "sklearn", "xgboost", "lightgbm", "catboost", "torchvision", "torchaudio",
            "transformers", "sentence_transformers", "tensorflow", "keras", "jax", "flax",
            "spacy", "nltk", "gensim", "prophet", "fbprophet", "statsmodels", "pmdarima",
            "pytorch_lightning", "lightning", "diffusers", "vllm", "timm", "ultralytics",
            "optuna", "hyperopt", "stable_baselines3", "gym", "gymnasium", "tianshou", "faiss",
            "cvxpy", "gurobipy", "pulp", "ortools", "mip", "pyomo", "casadi", "numba",
            "statsforecast", "neuralforecast", "whisper", "easyocr", "pytesseract", "tflite",
            "onnxruntime", "mxnet", "paddle", "detectron2", "peft", "accelerate", "trl",
        )
    },
    **{
        f"{package}.*": "runs a simulation or a scientific code"
        for package in (
            "ase", "pymatgen", "openmm", "rdkit", "vina", "Bio", "pybullet", "mujoco", "simpy",
            "pyscf", "qiskit", "fenics", "MDAnalysis", "networkx", "igraph",
        )
    },
    **{
        f"{package}.*": "processes an image, a sound or a document"
        for package in (
            "cv2", "PIL", "skimage", "imageio", "librosa", "soundfile", "pydub", "moviepy",
            "pdfplumber", "fitz", "PyPDF2", "pypdf", "docx", "openpyxl", "bs4", "lxml",
            "matplotlib", "seaborn", "plotly", "decord", "av", "albumentations", "imgaug",
        )
    },
    "scipy.optimize.*": "optimizes",
    "scipy.integrate.*": "integrates",
    "scipy.signal.*": "processes a signal",
    "scipy.linalg.*": "solves a linear system",
    "scipy.sparse.*": "solves a linear system",
    "scipy.io.*": "reads a file",
    "numpy.load": "reads a file",
    "numpy.loadtxt": "reads a file",
    "numpy.genfromtxt": "reads a file",
    "numpy.save": "writes a file",
    "numpy.savez": "writes a file",
    "numpy.savetxt": "writes a file",
    "torch.load": "reads a file",
    "torch.save": "writes a file",
    "torch.nn.*": "builds or runs a model",
    "torch.optim.*": "trains a model",
    "torch.distributed.*": "waits for other processes",
    "torch.utils.data.*": "loads data",
    "torch.hub.*": "loads a model",
    "joblib.*": "starts workers or reads a file",
    # Ray itself
    "ray.get": "waits for other tasks",
    "ray.wait": "waits for other tasks",
    "ray.init": "connects to a cluster",
    "ray.shutdown": "stops a cluster",
    "ray.data.*": "runs a data pipeline",
    "ray.tune.*": "runs trials",
    "ray.train.*": "trains a model",
    "ray.rllib.*": "trains a policy",
    "ray.util.placement_group": "reserves resources",
    "ray.util.multiprocessing.*": "starts workers",
    "ray.util.collective.*": "waits for other processes",
}  # fmt: skip

TINY: dict[str, float] = {
    # seconds of one call
    "math.*": 1e-7,
    "cmath.*": 1e-7,
    "operator.*": 1e-7,
    "random.*": 5e-7,
    "secrets.*": 2e-6,
    "time.time": 1e-7,
    "time.*": 1e-7,
    "datetime.*": 1e-6,
    "uuid.*": 3e-6,
    "decimal.*": 1e-6,
    "fractions.*": 2e-6,
    "statistics.*": 2e-5,
    "io.StringIO": 1e-6,
    "io.BytesIO": 1e-6,
    "string.*": 1e-6,
    "re.*": 5e-6,
    "json.dumps": 1e-5,
    "json.loads": 1e-5,
    "copy.copy": 2e-6,
    "copy.deepcopy": 1e-5,
    "pickle.dumps": 1e-5,
    "pickle.loads": 1e-5,
    "hashlib.*": 2e-6,
    "hmac.*": 5e-6,
    "zlib.*": 2e-5,
    "binascii.*": 1e-6,
    "base64.*": 2e-6,
    "struct.*": 5e-7,
    "itertools.*": 1e-6,
    "functools.*": 1e-6,
    "collections.*": 1e-6,
    "heapq.*": 1e-6,
    "bisect.*": 5e-7,
    "dataclasses.*": 5e-6,
    "typing.*": 1e-7,
    "enum.*": 1e-6,
    "types.*": 1e-6,
    "contextlib.*": 1e-6,
    "warnings.warn": 5e-6,
    "logging.*": 1e-5,
    "sys.*": 2e-7,
    "os.getpid": 1e-7,
    "os.environ.*": 1e-6,
    "os.getenv": 1e-6,
    "os.path.*": 2e-6,
    "os.urandom": 2e-6,
    "os.cpu_count": 1e-5,
    "os.uname": 1e-6,
    "platform.*": 2e-5,
    "pathlib.*": 5e-6,
    "threading.*": 1e-6,
    "asyncio.get_event_loop": 1e-6,
    "asyncio.get_running_loop": 1e-6,
    "asyncio.Lock": 1e-6,
    "asyncio.Event": 1e-6,
    "asyncio.Queue": 1e-6,
    "socket.gethostname": 2e-6,
    "socket.gethostbyname": 1e-4,
    "psutil.*": 1e-4,
    "gc.*": 5e-3,
    "traceback.*": 5e-5,
    "inspect.*": 5e-5,
    "textwrap.*": 2e-5,
    "difflib.*": 1e-4,
    "locale.*": 1e-6,
    "html.*": 1e-5,
    "urllib.parse.*": 5e-6,
    "ipaddress.*": 5e-6,
    "calendar.*": 1e-5,
    "colorsys.*": 1e-6,
    "unicodedata.*": 1e-6,
    "fnmatch.*": 2e-6,
    "csv.reader": 5e-6,
    "csv.writer": 5e-6,
    "csv.DictReader": 1e-5,
    "csv.DictWriter": 1e-5,
    "ast.literal_eval": 1e-5,
    "zoneinfo.*": 1e-5,
    "array.*": 1e-6,
    "email.utils.*": 1e-5,
    "keyword.*": 1e-7,
    "pprint.pformat": 5e-5,
    "reprlib.*": 1e-5,
    "shlex.*": 5e-5,
    "numpy.*": 2e-6,
    "numpy.random.*": 1e-5,
    "numpy.random.RandomState": 1e-4,
    "numpy.random.default_rng": 3e-5,
    "numpy.linalg.norm": 5e-6,
    "torch.tensor": 5e-6,
    "torch.manual_seed": 1e-5,
    "torch.set_num_threads": 1e-5,
    "torch.cuda.is_available": 1e-5,
    "scipy.special.*": 2e-6,
    "scipy.spatial.distance.*": 2e-5,
    "scipy.stats.norm.*": 1e-4,
    # small packages for numbers, dates and words
    "dateutil.*": 1e-4,
    "pytz.*": 1e-5,
    "orjson.*": 1e-5,
    "ujson.*": 1e-5,
    "simplejson.*": 2e-5,
    "regex.*": 1e-5,
    "unidecode.*": 1e-5,
    "Levenshtein.*": 1e-5,
    "rapidfuzz.*": 1e-5,
    "fuzzywuzzy.*": 1e-4,
    "jellyfish.*": 1e-5,
    "haversine.*": 1e-5,
    "geopy.distance.*": 3e-4,
    "shapely.*": 5e-5,
    "xxhash.*": 1e-6,
    "nltk.word_tokenize": 2e-4,
    "nltk.sent_tokenize": 2e-4,
    "nltk.tokenize.*": 2e-4,
    "nltk.stem.*": 1e-4,
    "nltk.ngrams": 1e-5,
    "ray.put": 1e-3,
    "ray.get_runtime_context": 1e-5,
    "ray.get_gpu_ids": 1e-5,
    "ray.get_actor": 1e-3,
    "ray.util.get_node_ip_address": 1e-4,
    "ray._private.*": 1e-4,
    "ray._common.*": 1e-4,
    "ray.services.get_node_ip_address": 1e-4,
    "ray.is_initialized": 1e-6,
    "builtins.*": 2e-7,
    "builtins.print": 2e-5,
    "builtins.exec": 1e-4,
    "builtins.eval": 2e-5,
}

UNKNOWN: dict[str, str] = {
    # their cost is that of their arguments
    "builtins.exec": "runs code that is not seen",
    "builtins.eval": "runs code that is not seen",
    "builtins.__import__": "imports a module",
    "importlib.*": "imports a module",
    "functools.partial": "",
    "torch.*": "works on tensors of unknown size",
    "numpy.linalg.*": "does linear algebra of unknown size",
    "numpy.fft.*": "transforms an array of unknown size",
    "numpy.dot": "multiplies arrays of unknown size",
    "numpy.matmul": "multiplies arrays of unknown size",
    "numpy.einsum": "multiplies arrays of unknown size",
    "numpy.vectorize": "loops over an array of unknown size",
    "scipy.*": "calls scipy on data of unknown size",
    "asyncio.*": "waits for something else",
    "ray.*": "calls Ray",
}
for _name in ("builtins.exec", "builtins.eval", "functools.partial"):
    if not UNKNOWN[_name]:
        del UNKNOWN[_name]

PER_ITEM: dict[str, float] = {
    # seconds per item of the first argument; an argument of unknown size counts ASSUMED_ITEMS
    "builtins.sum": 3e-8,
    "builtins.min": 3e-8,
    "builtins.max": 3e-8,
    "builtins.any": 3e-8,
    "builtins.all": 3e-8,
    "builtins.sorted": 2e-7,
    "builtins.list": 2e-8,
    "builtins.tuple": 2e-8,
    "builtins.set": 4e-8,
    "builtins.dict": 6e-8,
    "builtins.frozenset": 4e-8,
    "builtins.bytes": 1e-9,
    "builtins.bytearray": 1e-9,
    "numpy.sum": 1e-9,
    "numpy.mean": 1e-9,
    "numpy.std": 3e-9,
    "numpy.var": 3e-9,
    "numpy.sort": 6e-8,
    "numpy.argsort": 8e-8,
    "numpy.unique": 8e-8,
    "numpy.median": 2e-8,
    "numpy.percentile": 2e-8,
    "numpy.exp": 6e-9,
    "numpy.log": 6e-9,
    "numpy.sin": 1e-8,
    "numpy.cos": 1e-8,
    "numpy.sqrt": 2e-9,
    "numpy.array": 5e-8,
    "numpy.asarray": 5e-8,
    "numpy.cumsum": 4e-9,
    "numpy.concatenate": 1e-9,
    "statistics.mean": 5e-7,
    "statistics.stdev": 1e-6,
    "random.shuffle": 5e-7,
}
ASSUMED_ITEMS = 100

PER_ELEMENT: dict[str, float] = {
    # seconds per element of the array whose shape the arguments give
    "numpy.zeros": 2e-10,
    "numpy.ones": 1e-9,
    "numpy.empty": 1e-11,
    "numpy.full": 1e-9,
    "numpy.arange": 1e-9,
    "numpy.linspace": 2e-9,
    "numpy.eye": 1e-9,
    "numpy.identity": 1e-9,
    "numpy.random.rand": 8e-9,
    "numpy.random.randn": 3e-8,
    "numpy.random.random": 8e-9,
    "numpy.random.uniform": 1e-8,
    "numpy.random.normal": 3e-8,
    "numpy.random.randint": 1e-8,
    "numpy.random.choice": 3e-8,
    "numpy.random.permutation": 3e-8,
    "torch.zeros": 1e-9,
    "torch.ones": 1e-9,
    "torch.empty": 1e-11,
    "torch.rand": 8e-9,
    "torch.randn": 1e-8,
}

MATRIX = ("numpy.matmul", "numpy.dot", "numpy.linalg.", "scipy.linalg.", "torch.matmul")
DECOMPOSING = frozenset(
    "cond eig eigh eigvals eigvalsh expm lstsq matrix_rank pinv polyfit qr schur svd".split()  # noqa: SIM905
)
"""What takes many times as long as a product of such matrices."""
LINEAR = ("numpy.fft.", "numpy.vectorize", "scipy.stats.", "scipy.special.", "scipy.interpolate.")
"""What hardly costs more than a loop over what it is given."""
MATRIX_SECONDS = 1e-10  # per multiplication of numbers, on one core
ROW_WORDS = frozenset({"row", "col", "column", "vec", "vector"})
ROW_SECONDS = 1e-5  # two rows of some thousand numbers

EMPTY_NAMES = frozenset(
    # methods and functions that do nothing by their name, if their definition is not seen
    """check_alive echo health_check heartbeat is_alive is_ready no_op noop nop ping
    """.split()  # noqa: SIM905
)

SLEEPS = frozenset({"time.sleep", "asyncio.sleep", "gevent.sleep", "trio.sleep", "anyio.sleep"})

HEAVY_METHODS: dict[str, str] = {
    # methods of objects that are not known themselves
    **dict.fromkeys(
        ("fit", "fit_transform", "fit_predict", "partial_fit", "train", "train_step", "train_epoch",
         "training_step", "backward", "fine_tune", "finetune", "learn", "optimize", "minimize",
         "train_on_batch", "learn_on_batch", "cross_validate"),
        "trains a model",
    ),
    **dict.fromkeys(
        ("predict", "predict_proba", "generate", "infer", "inference", "transcribe", "encode_batch",
         "embed", "embed_documents", "forward", "rollout", "simulate", "evaluate"),
        "runs a model",
    ),
    **dict.fromkeys(
        ("iterrows", "itertuples", "read_csv", "read_parquet", "to_csv", "to_parquet", "to_sql",
         "to_json", "to_pickle", "to_excel", "groupby", "merge", "pivot_table", "resample",
         "rolling"),
        "works on a data frame",
    ),
    **dict.fromkeys(
        ("execute", "executemany", "fetchall", "fetchone", "commit", "insert_many", "insert_one",
         "cursor"),
        "queries a database",
    ),
    **dict.fromkeys(
        ("download", "upload", "download_file", "upload_file", "put_object", "get_object",
         "urlopen", "request", "send_request", "recv", "recvfrom", "sendall", "connect", "listen",
         "accept", "scrape", "crawl", "fetch"),
        "uses the network",
    ),
    **dict.fromkeys(
        ("read_text", "write_text", "read_bytes", "write_bytes", "mkdir", "rglob", "iterdir",
         "savefig", "imsave", "imread", "save_pretrained", "from_pretrained", "load_state_dict",
         "save_model", "load_model", "serve_forever", "run_forever", "communicate", "savez"),
        "reads or writes files",
    ),
    **dict.fromkeys(("check_output", "check_call", "Popen"), "starts a process"),
}  # fmt: skip

SMALL_OBJECTS = frozenset(
    # packages whose objects have methods about as short as their constructors
    """array calendar collections datetime decimal difflib fractions hashlib hmac io
    ipaddress random re string struct uuid""".split()  # noqa: SIM905
)

TINY_METHODS = frozenset(
    # containers and strings
    """append appendleft extend insert pop popleft popitem remove clear add discard update get
    setdefault items keys values copy index count reverse sort most_common
    strip lstrip rstrip lower upper title capitalize startswith endswith replace split rsplit
    splitlines join format encode decode find rfind isdigit isalpha isnumeric isspace zfill ljust
    isalnum isdecimal islower isupper istitle isascii isidentifier isprintable removeprefix
    removesuffix expandtabs rindex maketrans format_map substitute safe_substitute unpack_from
    tobytes
    rjust center partition rpartition translate casefold swapcase hex to_bytes bit_length
    union intersection difference issubset issuperset symmetric_difference isdisjoint
    group groups match search fullmatch groupdict findall sub
    quantize to_integral_value limit_denominator as_tuple fromhex fromkeys finditer subn span
    _replace _asdict subtract elements rotate toordinal fromordinal isocalendar fromisoformat
    isoweekday timetuple utctimetuple randrange getrandbits difference_update intersection_update
    total_seconds isoformat timestamp strftime strptime date time weekday now utcnow today
    tokenize convert_tokens_to_ids convert_ids_to_tokens stem
    hexdigest digest info debug warning error exception critical log
    put_nowait get_nowait qsize empty full set is_set acquire release locked done result
    random randint uniform gauss choice choices sample shuffle seed rand randn normal integers
    sum mean std var min max any all item tolist flatten ravel reshape transpose astype squeeze
    argmax argmin argsort cumsum cumprod prod diagonal searchsorted ptp dot round
    clip fill nonzero numpy cpu detach
    get_node_id get_task_id get_job_id get_actor_id get_worker_id get_accelerator_ids
    hex binary as_integer_ratio conjugate is_integer elapsed lower_bound""".split()  # noqa: SIM905
)

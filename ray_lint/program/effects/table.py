"""Functions and methods whose effects are known: data, in the order of the libraries' manuals.

Results are written in a small language:

    int float complex bool str bytes none number atom   immutable
    fresh      a new object that holds nothing of the arguments
    array      a new numpy array
    list[R] set[R] dict[R] tuple[R] iter[R]   a new container whose elements are R
    .          an element of an argument (or what a container in it holds)
    @          the first argument itself or a view of it
    *          any argument or an element of one
    copy       a new container like the first argument, with the same elements

Everything listed here neither changes its arguments (unless it stands under ``CHANGES_ARGUMENT``)
nor anything else, and depends on its arguments only.
"""

from __future__ import annotations

import ast
import builtins
from functools import lru_cache

IMMUTABLE = frozenset(
    "int float complex bool str bytes none number atom range type pattern slice".split()  # noqa: SIM905
)
NUMBERS = frozenset("int float complex bool number".split())  # noqa: SIM905

_FUNCTIONS: dict[str, str] = {
    "range": "builtins.range",
    "int": """
        builtins.len builtins.ord builtins.hash
        math.floor math.ceil math.trunc math.gcd math.lcm math.factorial math.comb math.perm
        math.isqrt
        bisect.bisect bisect.bisect_left bisect.bisect_right
        operator.countOf operator.indexOf operator.length_hint
        zlib.crc32 zlib.adler32 binascii.crc32 binascii.crc_hqx
        struct.calcsize sys.getsizeof numpy.ndim numpy.size numpy.argmax numpy.argmin
        numpy.count_nonzero numpy.searchsorted numpy.linalg.matrix_rank
        unicodedata.combining unicodedata.decimal unicodedata.digit
        calendar.weekday calendar.leapdays statistics.NormalDist.n
        keyword.iskeyword datetime.date.toordinal socket.htons socket.ntohs
    """,
    "float": """
        math.acos math.acosh math.asin math.asinh math.atan math.atan2 math.atanh math.cbrt
        math.copysign math.cos math.cosh math.degrees math.dist math.erf math.erfc math.exp
        math.exp2 math.expm1 math.fabs math.fma math.fmod math.fsum math.gamma math.hypot
        math.ldexp math.lgamma math.log math.log10 math.log1p math.log2 math.nextafter math.pow
        math.radians math.remainder math.sin math.sinh math.sqrt math.tan math.tanh math.ulp
        cmath.phase
        difflib.SequenceMatcher.ratio colorsys.rgb_to_yiq
    """,
    "complex": """
        cmath.acos cmath.acosh cmath.asin cmath.asinh cmath.atan cmath.atanh cmath.cos cmath.cosh
        cmath.exp cmath.log cmath.log10 cmath.rect cmath.sin cmath.sinh cmath.sqrt cmath.tan
        cmath.tanh builtins.complex
    """,
    "number": """
        math.prod math.sumprod
        statistics.fmean statistics.mean statistics.geometric_mean statistics.harmonic_mean
        statistics.median statistics.median_low statistics.median_high statistics.median_grouped
        statistics.stdev statistics.pstdev statistics.variance statistics.pvariance
        statistics.covariance statistics.correlation
        numpy.int8 numpy.int16 numpy.int32 numpy.int64 numpy.uint8 numpy.uint16 numpy.uint32
        numpy.uint64 numpy.float16 numpy.float32 numpy.float64 numpy.complex64 numpy.complex128
        numpy.bool_ numpy.intp numpy.uintp numpy.double numpy.single numpy.half numpy.longlong
        numpy.linalg.det numpy.linalg.norm numpy.linalg.cond numpy.trapz numpy.trapezoid
    """,
    "bool": """
        builtins.bool builtins.callable builtins.isinstance builtins.issubclass builtins.hasattr
        builtins.all builtins.any
        math.isclose math.isfinite math.isinf math.isnan cmath.isclose cmath.isfinite cmath.isinf
        cmath.isnan
        operator.contains operator.not_ operator.truth operator.is_ operator.is_not
        fnmatch.fnmatch fnmatch.fnmatchcase hmac.compare_digest secrets.compare_digest
        calendar.isleap keyword.issoftkeyword os.path.isabs dataclasses.is_dataclass
        numpy.allclose numpy.array_equal numpy.isscalar numpy.iscomplexobj numpy.isrealobj
        numpy.shares_memory numpy.may_share_memory numpy.issubdtype numpy.array_equiv
        inspect.isclass inspect.isfunction asyncio.iscoroutine
    """,
    "str": """
        builtins.str builtins.chr builtins.hex builtins.oct builtins.bin builtins.repr
        builtins.ascii builtins.format
        json.dumps textwrap.dedent textwrap.fill textwrap.indent textwrap.shorten
        string.capwords re.sub re.escape html.escape html.unescape
        unicodedata.name unicodedata.normalize unicodedata.lookup unicodedata.category
        unicodedata.bidirectional
        urllib.parse.quote urllib.parse.quote_plus urllib.parse.unquote urllib.parse.unquote_plus
        urllib.parse.urlencode urllib.parse.urljoin urllib.parse.urlunparse
        urllib.parse.urlunsplit
        os.path.basename os.path.commonprefix os.path.dirname os.path.join os.path.normcase
        os.path.normpath os.fspath os.fsdecode posixpath.join posixpath.basename
        pprint.pformat locale.normalize fnmatch.translate reprlib.repr
        numpy.array2string numpy.array_str numpy.array_repr numpy.binary_repr numpy.base_repr
        ast.dump ast.unparse
    """,
    "bytes": """
        builtins.bytes base64.b64encode base64.b64decode base64.urlsafe_b64encode
        base64.urlsafe_b64decode base64.standard_b64encode base64.standard_b64decode
        base64.b32encode base64.b32decode base64.b16encode base64.b16decode base64.b85encode
        base64.b85decode base64.a85encode base64.a85decode
        binascii.hexlify binascii.unhexlify binascii.a2b_hex binascii.b2a_hex
        zlib.compress zlib.decompress gzip.decompress bz2.compress bz2.decompress lzma.compress
        lzma.decompress struct.pack hashlib.pbkdf2_hmac hashlib.scrypt hmac.digest os.fsencode
        pickle.dumps marshal.dumps urllib.parse.unquote_to_bytes
    """,
    "none": "time.sleep builtins.type.__init__",
    "atom": """
        builtins.slice builtins.type builtins.object builtins.NotImplemented
        decimal.Decimal decimal.Decimal.from_float fractions.Fraction
        fractions.Fraction.from_float fractions.Fraction.from_decimal
        datetime.date datetime.datetime datetime.time datetime.timedelta datetime.timezone
        datetime.date.fromisoformat datetime.datetime.fromisoformat datetime.date.fromordinal
        datetime.datetime.fromordinal datetime.datetime.strptime datetime.datetime.combine
        datetime.datetime.fromtimestamp datetime.datetime.utcfromtimestamp
        datetime.date.fromtimestamp datetime.date.fromisocalendar zoneinfo.ZoneInfo
        datetime.datetime.fromisocalendar datetime.time.fromisoformat
        uuid.UUID uuid.uuid3 uuid.uuid5
        ipaddress.ip_address ipaddress.ip_network ipaddress.IPv4Address ipaddress.IPv6Address
        ipaddress.ip_interface ipaddress.IPv4Network ipaddress.IPv6Network
        re.compile struct.Struct numpy.dtype numpy.finfo numpy.iinfo numpy.result_type
        numpy.promote_types numpy.min_scalar_type
        pathlib.PurePath pathlib.PurePosixPath pathlib.PureWindowsPath pathlib.Path
        pathlib.PosixPath string.Template operator.attrgetter operator.itemgetter
        operator.methodcaller typing.TypeVar typing.NewType time.strptime time.gmtime time.mktime
        calendar.timegm calendar.monthrange types.MappingProxyType
        urllib.parse.urlparse urllib.parse.urlsplit sys.intern
        re.match re.search re.fullmatch numpy.datetime64 numpy.timedelta64 numpy.str_
    """,
    "number|array": """
        builtins.abs builtins.round builtins.pow builtins.sum math.modf math.frexp cmath.polar
        operator.abs operator.add operator.and_ operator.floordiv operator.index operator.inv
        operator.invert operator.lshift operator.mod operator.mul operator.matmul operator.neg
        operator.or_ operator.pos operator.pow operator.rshift operator.sub operator.truediv
        operator.xor operator.eq operator.ge operator.gt operator.le operator.lt operator.ne
        operator.concat
        numpy.abs numpy.absolute numpy.add numpy.all numpy.amax numpy.amin numpy.angle numpy.any
        numpy.arccos numpy.arccosh numpy.arcsin numpy.arcsinh numpy.arctan numpy.arctan2
        numpy.arctanh numpy.around numpy.average numpy.bitwise_and numpy.bitwise_or
        numpy.bitwise_xor numpy.cbrt numpy.ceil numpy.clip numpy.conj numpy.conjugate
        numpy.convolve numpy.copysign numpy.correlate numpy.corrcoef numpy.cos numpy.cosh
        numpy.cov numpy.cross numpy.cumprod numpy.cumsum numpy.deg2rad numpy.degrees numpy.diff
        numpy.digitize numpy.divide numpy.divmod numpy.dot numpy.ediff1d numpy.einsum numpy.equal
        numpy.exp numpy.exp2 numpy.expm1 numpy.fabs numpy.fix numpy.float_power numpy.floor
        numpy.floor_divide numpy.fmax numpy.fmin numpy.fmod numpy.frexp numpy.gcd numpy.gradient
        numpy.greater numpy.greater_equal numpy.heaviside numpy.hypot numpy.imag numpy.inner
        numpy.interp numpy.invert numpy.isclose numpy.isfinite numpy.isin numpy.isinf numpy.isnan
        numpy.kron numpy.lcm numpy.ldexp numpy.less numpy.less_equal numpy.log numpy.log10
        numpy.log1p numpy.log2 numpy.logaddexp numpy.logical_and numpy.logical_not
        numpy.logical_or numpy.logical_xor numpy.matmul numpy.max numpy.maximum numpy.mean
        numpy.median numpy.min numpy.minimum numpy.mod numpy.modf numpy.multiply numpy.nan_to_num
        numpy.nanargmax numpy.nanargmin numpy.nanmax numpy.nanmean numpy.nanmedian numpy.nanmin
        numpy.nanpercentile numpy.nanprod numpy.nanstd numpy.nansum numpy.nanvar numpy.negative
        numpy.not_equal numpy.outer numpy.percentile numpy.polyval numpy.positive numpy.power
        numpy.prod numpy.ptp numpy.quantile numpy.rad2deg numpy.radians numpy.real
        numpy.reciprocal numpy.remainder numpy.right_shift numpy.left_shift numpy.rint numpy.round
        numpy.sign numpy.signbit numpy.sin numpy.sinc numpy.sinh numpy.sqrt numpy.square numpy.std
        numpy.subtract numpy.sum numpy.tan numpy.tanh numpy.tensordot numpy.trace
        numpy.true_divide numpy.trunc numpy.unwrap numpy.var numpy.vdot
        numpy.add.reduce numpy.multiply.reduce numpy.maximum.reduce numpy.minimum.reduce
        numpy.add.accumulate numpy.add.outer numpy.multiply.outer numpy.bincount
        numpy.linalg.multi_dot numpy.linalg.vector_norm
    """,
    "array": """
        numpy.array numpy.arange numpy.argpartition numpy.argsort numpy.argwhere numpy.bartlett
        numpy.blackman numpy.block numpy.choose numpy.column_stack numpy.compress
        numpy.concatenate numpy.copy numpy.delete numpy.diag numpy.diagflat numpy.dstack
        numpy.empty_like numpy.extract numpy.eye numpy.flatnonzero numpy.flip numpy.fliplr
        numpy.flipud numpy.frombuffer numpy.fromfunction numpy.fromiter numpy.fromstring
        numpy.full numpy.full_like numpy.geomspace numpy.hamming numpy.hanning numpy.histogram
        numpy.histogram2d numpy.hstack numpy.identity numpy.indices numpy.insert
        numpy.intersect1d numpy.ix_ numpy.kaiser numpy.lexsort numpy.linspace numpy.logspace
        numpy.mask_indices numpy.meshgrid numpy.nonzero numpy.ones numpy.ones_like numpy.packbits
        numpy.pad numpy.partition numpy.piecewise numpy.poly numpy.polyadd numpy.polyder
        numpy.polyfit numpy.polyint numpy.polymul numpy.polysub numpy.repeat numpy.resize
        numpy.roll numpy.roots numpy.rot90 numpy.select numpy.setdiff1d numpy.setxor1d numpy.sort
        numpy.split numpy.array_split numpy.stack numpy.take numpy.take_along_axis numpy.tile
        numpy.tri numpy.tril numpy.tril_indices numpy.triu numpy.triu_indices numpy.union1d
        numpy.unique numpy.unpackbits numpy.unravel_index numpy.vander numpy.vstack numpy.where
        numpy.zeros numpy.zeros_like numpy.append numpy.apply_along_axis
        numpy.asfarray numpy.histogram_bin_edges numpy.vectorize
        numpy.fft.fft numpy.fft.ifft numpy.fft.rfft numpy.fft.irfft numpy.fft.fft2 numpy.fft.ifft2
        numpy.fft.fftn numpy.fft.ifftn numpy.fft.fftfreq numpy.fft.rfftfreq numpy.fft.fftshift
        numpy.fft.ifftshift
        numpy.linalg.inv numpy.linalg.pinv numpy.linalg.solve numpy.linalg.lstsq numpy.linalg.eig
        numpy.linalg.eigh numpy.linalg.eigvals numpy.linalg.eigvalsh numpy.linalg.svd
        numpy.linalg.qr numpy.linalg.cholesky numpy.linalg.matrix_power numpy.linalg.slogdet
        numpy.linalg.tensorsolve numpy.matrix numpy.char.add numpy.char.upper numpy.char.lower
    """,
    "@": """
        numpy.asarray numpy.ascontiguousarray numpy.asanyarray numpy.atleast_1d numpy.atleast_2d
        numpy.atleast_3d numpy.broadcast_to numpy.expand_dims numpy.moveaxis numpy.ravel
        numpy.reshape numpy.rollaxis numpy.squeeze numpy.swapaxes numpy.transpose numpy.diagonal
        numpy.broadcast_arrays numpy.hsplit numpy.vsplit numpy.lib.stride_tricks.sliding_window_view
        builtins.memoryview copy.replace
        typing.final typing.overload typing.no_type_check typing.runtime_checkable
        dataclasses.replace itertools.tee
    """,
    "*": """
        builtins.min builtins.max operator.getitem functools.reduce numpy.ma.getdata
    """,
    "list[.]": """
        builtins.list builtins.sorted itertools.batched heapq.nlargest heapq.nsmallest
        random.Random.sample
    """,
    "list[str]": """
        re.split re.findall shlex.split textwrap.wrap difflib.get_close_matches string.Formatter
        builtins.dir os.path.split
    """,
    "tuple[.]": "builtins.tuple dataclasses.astuple",
    "tuple[str]": "os.path.splitext os.path.splitdrive",
    "tuple[number]": "builtins.divmod struct.unpack struct.unpack_from statistics.linear_regression"
    " colorsys.rgb_to_hsv colorsys.hsv_to_rgb colorsys.rgb_to_hls colorsys.hls_to_rgb",
    "set[.]": "builtins.set builtins.frozenset",
    "dict[.]": """
        builtins.dict collections.OrderedDict collections.defaultdict
    """,
    "dict[int]": "collections.Counter",
    "deque[.]": "collections.deque",
    "iter[.]": """
        builtins.reversed itertools.accumulate itertools.chain
        itertools.chain.from_iterable itertools.compress itertools.count itertools.cycle
        itertools.dropwhile itertools.filterfalse itertools.islice itertools.repeat
        itertools.starmap itertools.takewhile heapq.merge
    """,
    "iter[tuple[.]]": """
        builtins.zip itertools.zip_longest itertools.combinations
        itertools.combinations_with_replacement itertools.groupby itertools.pairwise
        itertools.permutations itertools.product
    """,
    "iter[atom]": "re.finditer",
    "iter[number]": "struct.iter_unpack statistics.multimode statistics.quantiles",
    "fresh": """
        numpy.errstate numpy.printoptions
        decimal.localcontext contextlib.suppress contextlib.nullcontext
        contextlib.ExitStack dataclasses.field
        dataclasses.fields builtins.bytearray
        copy.deepcopy json.loads dataclasses.asdict array.array
        hashlib.md5 hashlib.sha1 hashlib.sha224 hashlib.sha256 hashlib.sha384 hashlib.sha512
        hashlib.blake2b hashlib.blake2s hashlib.sha3_224 hashlib.sha3_256 hashlib.sha3_384
        hashlib.sha3_512 hashlib.shake_128 hashlib.shake_256 hashlib.new hmac.new
        io.StringIO io.BytesIO difflib.SequenceMatcher difflib.unified_diff difflib.ndiff
        ast.literal_eval ast.parse pickle.loads marshal.loads urllib.parse.parse_qs
        urllib.parse.parse_qsl csv.reader csv.DictReader statistics.NormalDist
        zlib.compressobj zlib.decompressobj types.SimpleNamespace graphlib.TopologicalSorter
        numpy.poly1d numpy.polynomial.Polynomial numpy.polynomial.polynomial.polyval
        numpy.polynomial.legendre.leggauss numpy.ndindex numpy.ndenumerate numpy.nditer
        xml.etree.ElementTree.fromstring tomllib.loads configparser.ConfigParser
        scipy.special.expit scipy.special.gamma scipy.special.factorial scipy.special.comb
        scipy.special.erf scipy.stats.norm.cdf scipy.stats.norm.pdf scipy.linalg.inv
        pandas.DataFrame pandas.Series pandas.concat pandas.merge pandas.to_datetime
        pandas.to_numeric pandas.Timestamp pandas.Timedelta pandas.isna pandas.notna
        pandas.isnull pandas.cut pandas.date_range pandas.Index pandas.get_dummies
    """,
}

RAISING: dict[str, tuple[str, str]] = {
    name: (error, reason)
    for names, error, reason in (
        (
            "builtins.complex builtins.bytes builtins.bytearray builtins.chr",
            "ValueError",
            "fails for some values",
        ),
        ("builtins.format", "?", "fails for some values"),
        ("builtins.ord", "TypeError", "fails for anything but one character"),
        (
            "math.sqrt math.log math.log2 math.log10 math.log1p math.acos math.asin math.acosh "
            "math.atanh math.fmod math.factorial math.comb math.perm math.isqrt math.gamma "
            "math.lgamma math.pow cmath.log",
            "ValueError",
            "fails outside of its domain",
        ),
        (
            "math.exp math.cosh math.sinh math.expm1 math.ldexp datetime.timedelta "
            "datetime.datetime.fromtimestamp datetime.datetime.utcfromtimestamp "
            "datetime.date.fromtimestamp",
            "OverflowError",
            "may overflow",
        ),
        ("math.floor math.ceil math.trunc", "ValueError", "fails for infinity and NaN"),
        (
            "json.loads ast.literal_eval ast.parse pickle.loads marshal.loads tomllib.loads "
            "base64.b64decode base64.b32decode base64.b16decode base64.b85decode zlib.decompress "
            "gzip.decompress bz2.decompress lzma.decompress binascii.unhexlify binascii.a2b_hex "
            "struct.unpack struct.unpack_from decimal.Decimal fractions.Fraction uuid.UUID "
            "ipaddress.ip_address ipaddress.ip_network datetime.date.fromisoformat "
            "datetime.datetime.fromisoformat datetime.datetime.strptime datetime.date "
            "datetime.datetime datetime.time pandas.to_datetime pandas.to_numeric "
            "xml.etree.ElementTree.fromstring time.strptime unicodedata.lookup unicodedata.name "
            "datetime.date.fromisocalendar datetime.date.fromordinal datetime.datetime.fromordinal "
            "datetime.datetime.fromisocalendar datetime.time.fromisoformat zoneinfo.ZoneInfo "
            "ipaddress.ip_interface ipaddress.IPv4Address ipaddress.IPv6Address "
            "ipaddress.IPv4Network ipaddress.IPv6Network struct.pack struct.pack_into",
            "?",
            "fails for malformed input",
        ),
        ("json.dumps", "TypeError", "fails for what JSON cannot hold"),
        ("re.compile re.match re.search", "", ""),
        (
            "statistics.mean statistics.fmean statistics.median statistics.stdev "
            "statistics.variance statistics.mode statistics.pstdev statistics.pvariance "
            "statistics.geometric_mean statistics.harmonic_mean statistics.quantiles "
            "statistics.median_low statistics.median_high statistics.median_grouped "
            "statistics.covariance statistics.correlation",
            "ValueError",
            "fails for too few values",
        ),
        (
            "numpy.linalg.inv numpy.linalg.solve numpy.linalg.cholesky numpy.linalg.lstsq "
            "numpy.linalg.svd numpy.linalg.eig numpy.linalg.eigh numpy.reshape "
            "numpy.concatenate numpy.stack numpy.vstack numpy.hstack numpy.dot numpy.matmul "
            "numpy.max numpy.min numpy.amax numpy.amin numpy.ptp numpy.argmax numpy.argmin",
            "?",
            "fails for some arrays",
        ),
        (
            "operator.truediv operator.floordiv operator.mod builtins.divmod operator.pow",
            "ZeroDivisionError",
            "may divide by 0",
        ),
        ("builtins.pow", "?", "fails for some values"),
    )
    for name in names.split()
    if error
}

CHANGES_ARGUMENT = {
    # name: (index of the changed argument, result)
    name: (index, result)
    for names, index, result in (
        (
            "heapq.heappush heapq.heapify bisect.insort bisect.insort_left bisect.insort_right",
            0,
            "none",
        ),
        ("heapq.heappop heapq.heappushpop heapq.heapreplace builtins.next", 0, "."),
        ("builtins.setattr builtins.delattr operator.setitem operator.delitem", 0, "none"),
        ("operator.iadd operator.imul operator.isub operator.ior operator.iconcat", 0, "@"),
        ("numpy.put numpy.copyto numpy.fill_diagonal numpy.place numpy.putmask", 0, "none"),
        ("numpy.put_along_axis numpy.add.at", 0, "none"),
        ("struct.pack_into", 1, "none"),
        ("numpy.random.Generator.shuffle random.Random.shuffle", 1, "none"),
    )
    for name in names.split()
}

# What calls below a module (or of one function) mean; the longest match counts.
FOREIGN: dict[str, tuple[str, str]] = {
    name: (kind, verb)
    for kind, verb, names in (
        (
            "RANDOM",
            "draws from",
            "random numpy.random secrets uuid os.urandom torch.rand torch.randn",
        ),
        (
            "TIME",
            "reads the clock with",
            """time datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today
            datetime.date.today pandas.Timestamp.now timeit sched""",
        ),
        (
            "PROCESS_STATE",
            "depends on the process through",
            """os.getpid os.getppid os.environ os.getenv os.putenv os.unsetenv os.getcwd os.chdir
            os.cpu_count os.nice os.umask os.getlogin os.uname os.getuid os.kill os._exit os.fork
            os.sched_getaffinity os.getloadavg os.times
            threading multiprocessing concurrent socket.gethostname socket.getfqdn platform
            tempfile sys gc resource psutil signal atexit faulthandler contextvars queue asyncio
            weakref tracemalloc locale ctypes getpass importlib builtins.id builtins.__import__
            decimal.getcontext decimal.setcontext time.process_time
            time.thread_time numpy.seterr numpy.set_printoptions
            torch.set_num_threads pkgutil""",
        ),
        (
            "INPUT_OUTPUT",
            "does input or output with",
            """builtins.print builtins.open builtins.input logging warnings subprocess shutil glob
            os pathlib.Path.home pathlib.Path.cwd io.open io.open_code fileinput requests httpx
            aiohttp urllib.request urllib.error http smtplib ftplib ssl socket select sqlite3
            psycopg2 pymongo redis boto3 dbm shelve pickle.load pickle.dump json.load json.dump
            marshal.load marshal.dump csv.writer csv.DictWriter gzip bz2.open lzma.open zipfile
            tarfile numpy.load numpy.save numpy.savez numpy.savetxt numpy.loadtxt numpy.genfromtxt
            numpy.fromfile numpy.memmap numpy.savez_compressed joblib pandas.read_csv
            pandas.read_parquet pandas.read_json pandas.read_excel pandas.read_sql
            pandas.read_pickle pandas.read_table tqdm pprint.pprint pprint.pp rich loguru
            structlog PIL.Image.open cv2.imread cv2.imwrite imageio mmap linecache curses
            webbrowser wandb mlflow""",
        ),
        (
            "INTROSPECTION",
            "looks at its own code with",
            """builtins.globals builtins.locals builtins.eval builtins.exec builtins.vars
            builtins.compile builtins.breakpoint inspect traceback sys._getframe
            sys._current_frames sys.exc_info sys.settrace sys.setprofile pdb dis
            types.FunctionType types.CodeType""",
        ),
        ("RAISES", "ends with", "builtins.exit builtins.quit sys.exit os.abort"),
        ("RAY_CALL", "uses", "ray"),
    )
    for name in names.split()
}

# Modules without any side effect, besides the functions named above.
PURE_MODULES = frozenset(
    """
    math cmath operator statistics itertools textwrap string colorsys unicodedata binascii zlib
    bisect struct base64 html urllib.parse difflib ipaddress fractions decimal datetime re copy
    collections heapq dataclasses enum typing functools numbers scipy.special
    scipy.spatial.distance scipy.linalg numpy.linalg numpy.fft numpy.polynomial numpy.char
    numpy.strings numpy.ma
    """.split()  # noqa: SIM905
)

CONSTANTS = frozenset(
    """
    sys.maxsize sys.float_info sys.byteorder sys.version_info sys.version sys.maxunicode
    sys.int_info sys.hash_info sys.implementation sys.hexversion os.sep os.linesep os.pathsep
    os.extsep os.curdir os.name os.altsep os.path.sep time.timezone datetime.timezone.utc
    datetime.UTC __debug__
    """.split()  # noqa: SIM905
)

FLOATS = frozenset(
    """
    math.pi math.e math.tau math.inf math.nan numpy.pi numpy.e numpy.inf numpy.nan cmath.pi
    cmath.e sys.float_info.epsilon sys.float_info.max numpy.euler_gamma
    """.split()  # noqa: SIM905
)

# Makers of generators that are local if they are seeded.
GENERATORS = {
    "random.Random": "random.Random",
    "numpy.random.default_rng": "numpy.random.Generator",
    "numpy.random.RandomState": "numpy.random.Generator",
    "numpy.random.Generator": "numpy.random.Generator",
    "numpy.random.PCG64": "fresh",
    "numpy.random.Philox": "fresh",
    "numpy.random.MT19937": "fresh",
    "numpy.random.SFC64": "fresh",
    "numpy.random.SeedSequence": "fresh",
}
SEEDS = {"random.seed": "random", "numpy.random.seed": "numpy.random"}

# Methods by type of the receiver: those that only read.
_METHODS: dict[str, dict[str, str]] = {
    "str": {
        "str": """capitalize casefold center expandtabs format format_map join ljust lower lstrip
            removeprefix removesuffix replace rjust rstrip strip swapcase title translate upper
            zfill""",
        "bytes": "encode",
        "int": "count find rfind index rindex",
        "bool": """endswith isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric
            isprintable isspace istitle isupper startswith""",
        "list[str]": "split rsplit splitlines",
        "tuple[str]": "partition rpartition",
        "dict[str]": "maketrans",
    },
    "bytes": {
        "str": "decode hex",
        "bytes": """capitalize center expandtabs join ljust lower lstrip removeprefix removesuffix
            replace rjust rstrip strip swapcase title translate upper zfill fromhex tobytes""",
        "int": "count find rfind index rindex",
        "bool": """endswith isalnum isalpha isascii isdigit islower isspace istitle isupper
            startswith""",
        "list[bytes]": "split rsplit splitlines",
        "tuple[bytes]": "partition rpartition",
    },
    "int": {
        "int": "bit_length bit_count conjugate __index__",
        "bool": "is_integer",
        "bytes": "to_bytes",
        "tuple[int]": "as_integer_ratio",
        "number": "from_bytes",
    },
    "float": {
        "bool": "is_integer",
        "str": "hex",
        "float": "conjugate fromhex",
        "tuple[int]": "as_integer_ratio",
    },
    "list": {"copy": "copy", "int": "count index"},
    "tuple": {"int": "count index", "copy": "_replace", "dict[.]": "_asdict"},
    "dict": {
        "copy": "copy",
        ".": "get",
        "iter[tuple[.]]": "items",
        "iter[.]": "keys values",
        "list[tuple[.]]": "most_common",
        "iter[.]|copy": "elements",
        "int": "total",
    },
    "set": {
        "copy": """copy union intersection difference symmetric_difference""",
        "bool": "isdisjoint issubset issuperset",
    },
    "queue": {"bool": "empty full", "int": "qsize"},
    "deque": {"copy": "copy", "int": "count index"},
    "array": {
        "number|array": """all any argmax argmin choose clip compress conj conjugate cumprod cumsum
            diagonal dot max mean min nonzero prod ptp repeat round searchsorted std sum take trace
            var argsort argpartition""",
        "number": "item",
        "array": "astype copy flatten",
        "fresh": "tolist",
        "bytes": "tobytes",
        "@": "ravel reshape squeeze swapaxes transpose view",
    },
    "frame": {
        "fresh": """abs agg aggregate applymap assign between corr count cov cummax cummin cumprod
            cumsum describe diff drop drop_duplicates dropna duplicated eq fillna first ge groupby
            gt head idxmax idxmin info_ isin isna isnull iterrows itertuples join kurt last le lt
            mad map_ max mean median melt memory_usage merge min mode mul ne nlargest notna notnull
            nsmallest nunique pct_change pivot pivot_table prod quantile rank reindex rename
            replace reset_index_ resample rolling round sample_ select_dtypes set_index_ shift skew
            sort_index_ sort_values_ stack std sub sum tail to_dict to_list to_numpy transpose
            truediv unique unstack value_counts var where xs ewm expanding""",
    },
    "match": {
        "str": "group expand",
        "tuple[str]": "groups",
        "dict[str]": "groupdict",
        "int": "start end",
        "tuple[int]": "span",
    },
    "pattern": {
        "str": "sub",
        "list[str]": "split findall",
        "atom": "match search fullmatch",
        "iter[atom]": "finditer",
        "tuple[str]": "subn",
    },
    "date": {
        "int": "weekday isoweekday toordinal",
        "str": "isoformat strftime ctime tzname",
        "atom": """date time astimezone timetz utcoffset dst isocalendar timetuple utctimetuple
            quantize normalize sqrt exp ln log10 to_integral_value as_tuple limit_denominator
            scaleb to_eng_string""",
        "float": "timestamp total_seconds",
    },
    "hash": {"bytes": "digest", "str": "hexdigest", "fresh": "copy"},
    "buffer": {"fresh": "getvalue"},
    "path": {
        "bool": "is_absolute is_relative_to",
        "str": "as_posix as_uri",
        "atom": "joinpath with_name with_stem with_suffix relative_to",
    },
    "struct": {"bytes": "pack", "tuple[number]": "unpack unpack_from"},
    "template": {"str": "substitute safe_substitute"},
    "matcher": {
        "float": "ratio quick_ratio",
        "list[tuple[int]]": "get_matching_blocks get_opcodes",
    },
    "normal": {"float": "pdf cdf inv_cdf"},
}

# Methods that change their receiver; the result in the same language, "." an element of it.
_CHANGING: dict[str, dict[str, str]] = {
    "list": {"none": "append clear extend insert remove reverse sort", ".": "pop"},
    "dict": {"none": "clear update subtract", ".": "pop setdefault", "tuple[.]": "popitem", "": ""},
    "order": {"none": "move_to_end"},
    "set": {
        "none": """add clear difference_update discard intersection_update remove
            symmetric_difference_update update""",
        ".": "pop",
    },
    "deque": {
        "none": "append appendleft clear extend extendleft insert remove reverse rotate",
        ".": "pop popleft",
    },
    "array": {"none": "fill itemset partition put resize setfield setflags sort byteswap"},
    "hash": {"none": "update"},
    "buffer": {"int": "write writelines seek truncate", "str": "read readline", "none": "close"},
    "random": {"none": "seed setstate shuffle"},
    "queue": {"none": "put put_nowait task_done send throw set_"},
    "random.Random": {
        "float": """betavariate expovariate gammavariate gauss lognormvariate normalvariate
            paretovariate random triangular uniform vonmisesvariate weibullvariate""",
        "int": "getrandbits randint randrange binomialvariate",
        "bytes": "randbytes",
        "*": "choice",
        "list[*]": "choices sample",
        "none": "shuffle seed",
    },
    "numpy.random.Generator": {
        "number|array": """beta binomial bytes chisquare choice dirichlet exponential f gamma
            geometric gumbel hypergeometric integers laplace logistic lognormal logseries
            multinomial multivariate_normal negative_binomial noncentral_chisquare normal pareto
            permutation permuted poisson power rand randint randn random random_sample rayleigh
            standard_cauchy standard_exponential standard_gamma standard_normal standard_t
            triangular uniform vonmises wald weibull zipf""",
        "none": "shuffle seed",
    },
}
# Those two change only the generator itself: asked for only if the receiver is known to be one.
_ONLY_IF_KNOWN = frozenset({"random.Random", "numpy.random.Generator", "normal"})

# Reading and writing files and the like through methods of an unknown object.
OUTSIDE_METHODS = dict.fromkeys(
    """
        read readline readlines write writelines flush read_text write_text read_bytes write_bytes
        mkdir rmdir unlink touch iterdir glob rglob exists is_file is_dir rename_ stat open debug
        info warning error exception critical log execute executemany commit fetchall fetchone
        to_csv to_parquet to_sql to_pickle save savefig recv sendall connect
    """.split(),  # noqa: SIM905
    "INPUT_OUTPUT",
)
OUTSIDE_METHODS |= dict.fromkeys(
    ("acquire", "release", "wait", "notify", "notify_all", "is_alive"),
    "PROCESS_STATE",
)

RAISING_METHODS = {
    "index": "ValueError",
    "rindex": "ValueError",
    "remove": "?",
    "pop": "IndexError KeyError",
    "popleft": "IndexError",
    "popitem": "KeyError",
    "item": "ValueError",
    "encode": "UnicodeError",
    "decode": "UnicodeError",
    "reshape": "ValueError",
    "dot": "ValueError",
    "group": "AttributeError",
    "groups": "AttributeError",
    "substitute": "KeyError",
    "relative_to": "ValueError",
    "fromhex": "ValueError",
    "to_bytes": "OverflowError",
    "unpack": "?",
    "unpack_from": "?",
    "pack": "?",
    "choice": "?",
    "choices": "?",
    "sample": "?",
    "randint": "?",
    "randrange": "?",
    "integers": "?",
    "strptime": "?",
    "fromisoformat": "?",
    "sqrt": "?",
    "ln": "?",
    "log10": "?",
    "exp": "?",
    "quantize": "?",
    "send": "?",
    "max": "ValueError",
    "min": "ValueError",
    "argmax": "ValueError",
    "argmin": "ValueError",
    "format": "",
}

# Attributes that give a plain value on whatever they are read from.
PLAIN_ATTRIBUTES = frozenset(
    """
    real imag numerator denominator shape size ndim dtype nbytes itemsize name stem suffix suffixes
    year month day hour minute second microsecond days seconds microseconds tzinfo weekday
    scheme netloc path query fragment hostname port length start stop step pattern
    """.split()  # noqa: SIM905
)

HARMLESS_DECORATORS = frozenset(
    """
    builtins.staticmethod builtins.classmethod builtins.property typing.final typing.overload
    typing.no_type_check typing_extensions.override typing.override abc.abstractmethod
    functools.total_ordering functools.singledispatch numba.njit numba.jit numba.vectorize
    typing.runtime_checkable enum.unique dataclasses.dataclass contextlib.contextmanager
    """.split()  # noqa: SIM905
)
CACHES = frozenset(
    "functools.lru_cache functools.cache functools.cached_property cachetools.cached".split()  # noqa: SIM905
)
HARMLESS_BASES = frozenset(
    """
    builtins.object builtins.int builtins.float builtins.str builtins.tuple builtins.dict
    builtins.list builtins.set collections.OrderedDict collections.UserDict collections.UserList
    abc.ABC typing.NamedTuple typing.Generic typing.Protocol typing.TypedDict
    enum.Enum enum.IntEnum enum.StrEnum enum.Flag enum.IntFlag builtins.Exception
    builtins.ValueError builtins.TypeError builtins.RuntimeError builtins.KeyError
    builtins.LookupError builtins.ArithmeticError builtins.BaseException collections.abc.Mapping
    collections.abc.Sequence collections.abc.Iterable collections.abc.Iterator
    """.split()  # noqa: SIM905
)


def is_harmless_base(name: str) -> bool:
    """Whether making an instance of a class derived from this one has no hidden effect."""
    error = getattr(builtins, name.removeprefix("builtins."), None)
    return name in HARMLESS_BASES or (isinstance(error, type) and issubclass(error, BaseException))


def is_pure_module(name: str) -> bool:
    """Whether the function belongs to a module without side effects."""
    head = name.rpartition(".")[0]
    while head:
        if head in PURE_MODULES:
            return True
        head = head.rpartition(".")[0]
    return False


def _index(groups: dict[str, str]) -> dict[str, str]:
    return {name: result for result, names in groups.items() for name in names.split()}


OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv",
    ast.Mod: "mod", ast.Pow: "pow", ast.MatMult: "matmul", ast.LShift: "lshift",
    ast.RShift: "rshift", ast.BitOr: "or", ast.BitAnd: "and", ast.BitXor: "xor",
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip
"""The names of operators as their methods have them: ``add`` of ``__add__``."""
FUNCTIONS: dict[str, str] = _index(_FUNCTIONS)
METHODS: dict[str, dict[str, str]] = {kind: _index(groups) for kind, groups in _METHODS.items()}
DRAWING = frozenset({"choice", "choices", "sample"})
"""The methods of ``random.Random`` that give items of their first argument."""
NUMBERS_DRAWN = frozenset(
    """
    betavariate binomial expovariate exponential gamma gammavariate gauss integers lognormal
    normal normalvariate poisson randint randrange standard_normal triangular uniform
    """.split()  # noqa: SIM905
)
"""The methods of generators that give numbers, or new arrays of them."""
CHANGING: dict[str, dict[str, str]] = {kind: _index(groups) for kind, groups in _CHANGING.items()}


def _by_name(tables: dict[str, dict[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for kind, table in tables.items():
        if kind not in _ONLY_IF_KNOWN:
            for name, result in table.items():
                if result not in found.setdefault(name, []):
                    found[name].append(result)
    return {name: tuple(results) for name, results in found.items()}


READING_METHODS = _by_name(METHODS)
"""Results of a method by its name alone, for receivers of unknown type."""
CHANGING_METHODS = {
    name: results for name, results in _by_name(CHANGING).items() if name not in READING_METHODS
}


@lru_cache(maxsize=4096)
def foreign(dotted: str) -> tuple[str, str] | None:
    """Return the kind of effect and the verb for a call of (or below) a library name."""
    name = dotted
    while name:
        if name in FOREIGN:
            return FOREIGN[name]
        name = name.rpartition(".")[0]
    return None

"""Which tests of CPython's asyncio suite say something of a foreign loop, and why the others do not.

behaviour   tests of documented behaviour; a replacement must pass them.
internal    tests of how CPython's loop is built (mocked sockets, private methods, private modules); a foreign loop
            cannot pass them, or they never meet it.
duplicate   the same test bodies once more for another selector or child watcher of CPython; on a foreign loop they are
            repetitions.

A test that no pattern of the table matches is one of behaviour, so that what a newer Python brings counts at once.
"""

import fnmatch

SETS = ("behaviour", "internal", "duplicate")

MOCKED = "mocks a module or method which CPython's loop calls inside"
PRIVATE = "uses private methods or attributes of CPython's loop"
OWN = "builds a loop or transport class of CPython's own"
WATCHER = "tests the deprecated child watchers"
LOGGER = "expects messages on the name asyncio.base_events.logger"
FUNCTIONS = "tests private functions of asyncio.base_events"


def classify(test_id):
    """Return (set, reason) of a test id such as 'test_x.Class.method'."""
    for pattern, kind, reason in CATALOGUE:
        if fnmatch.fnmatchcase(test_id, pattern):
            return kind, reason
    return "behaviour", ""


def same_as(original, *patterns):
    return [(pattern, "duplicate", "of " + original) for pattern in patterns]


def internal(reason, *patterns):
    return [(pattern, "internal", reason) for pattern in patterns]


# (pattern of "file.Class.method", set, why). The first match wins.
CATALOGUE = [
    ("test_unix_events.SelectorEventLoopSignalTests.test_add_signal_handler_coroutine_error", "behaviour", ""),
    # -- repetitions of the same bodies for another selector or watcher
    *same_as(
        "EPollEventLoopTests",
        "test_*.PollEventLoopTests.*",
        "test_*.SelectEventLoopTests.*",
        "test_*.KqueueEventLoopTests.*",
    ),
    *same_as(
        "SubprocessThreadedWatcherTests",
        "test_subprocess.SubprocessSafeWatcherTests.*",
        "test_subprocess.SubprocessFastWatcherTests.*",
        "test_subprocess.SubprocessPidfdWatcherTests.*",
        "test_subprocess.SubprocessMultiLoopWatcherTests.*",
    ),
    # -- whole files and classes about CPython's implementation
    *internal("Windows only", "test_windows_*"),
    *internal(
        OWN,
        "test_selector_events.*",
        "test_proactor_events.*",
        "test_subprocess.SubprocessTransportTests.*",
        "test_unix_events.UnixReadPipeTransportTests.*",
        "test_unix_events.UnixWritePipeTransportTests.*",
    ),
    *internal(OWN + "; HostedBaseEventLoopTests runs the same tests", "test_base_events.BaseEventLoopTests.*"),
    *internal(
        OWN + "; HostedBaseLoopSockSendfileTests runs the same tests",
        "test_base_events.BaseLoopSockSendfileTests.*",
    ),
    *internal(FUNCTIONS, "test_base_events.BaseEventTests.*", "test_base_events.TestSelectorUtils.*"),
    *internal("drives asyncio.sslproto.SSLProtocol over mocks", "test_sslproto.SslProtoHandshakeTests.*"),
    *internal(
        WATCHER,
        "test_unix_events.AbstractChildWatcherTests.*",
        "test_unix_events.BaseChildWatcherTests.*",
        "test_unix_events.SafeChildWatcherTests.*",
        "test_unix_events.FastChildWatcherTests.*",
        "test_unix_events.PolicyTests.*",
        "test_subprocess.MultiLoopChildWatcherTests.*",
        "test_subprocess.GenericWatcherTests.*",
    ),
    *internal(
        PRIVATE + " (_sock_sendfile_native)",
        "test_unix_events.SelectorEventLoopUnixSockSendfileTests.*",
    ),
    *internal(MOCKED + " (asyncio.unix_events.signal)", "test_unix_events.SelectorEventLoopSignalTests.*"),
    *internal(
        "puts the Python versions of get_running_loop and co. into asyncio.events, which only a loop written in Python "
        "notices",
        "test_events.TestPyGetEventLoop.*",
    ),
    *internal(
        "puts the Python versions of Task, current_task and co. into asyncio, which only a loop that makes such tasks "
        "notices",
        "test_graph.TestCallStackPy.*",
        "test_free_threading.Test*PyFreeThreading.*",
    ),
    # -- single tests: mocks
    *internal(
        MOCKED + " (socket, loop.getaddrinfo, loop.sock_connect)",
        *(
            "test_base_events.BaseEventLoopWithSelectorTests.test_create_" + name
            for name in (
                "connection_bluetooth",
                "connection_connect_err",
                "connection_ip_addr",
                "connection_ipv6_scope",
                "connection_multiple*",
                "connection_no_getaddrinfo",
                "connection_no_inet_pton",
                "connection_no_local_addr",
                "connection_service_name",
                "connection_ssl_server_hostname_default",
                "connection_timeout",
                "datagram_endpoint_cant_bind",
                "datagram_endpoint_connect_err",
                "datagram_endpoint_ip_addr",
                "datagram_endpoint_no_addrinfo",
                "datagram_endpoint_nosoreuseport",
                "datagram_endpoint_setblk_err",
                "datagram_endpoint_socket_err",
                "server_cant_bind",
                "server_empty_host",
                "server_no_getaddrinfo",
                "server_nosoreuseport",
                "server_soreuseport_only_defined",
            )
        ),
    ),
    *internal(MOCKED, "test_events.*.test_create_server_multiple_hosts_*"),
    *internal(MOCKED + " (loop.getaddrinfo)", "test_events.*.test_create_connection_local_addr_*_family"),
    *internal(MOCKED + " (socket.getnameinfo)", "test_base_events.BaseEventLoopWithSelectorTests.test_getnameinfo"),
    *internal(MOCKED + " (asyncio.unix_events.socket)", "test_unix_events.*.test_create_unix_server_bind_error"),
    *internal(MOCKED + " (loop._sendfile_native)", "test_sendfile.*.test_sendfile_force_unsupported_native"),
    *internal(MOCKED + " (loop.connect_read_pipe)", "test_subprocess.*.test_pause_reading"),
    *internal(MOCKED + " (subprocess.Popen)", "test_subprocess.*.test_popen_error*"),
    *internal(MOCKED + " (Popen.kill)", "test_subprocess.*.test_close_kill_running"),
    *internal(
        "mocks a transport with private attributes",
        "test_sendfile.*.test_sendfile_no_fallback_for_fallback_transport",
    ),
    # -- single tests: private names
    *internal(
        PRIVATE + " (_accept_connection)",
        "test_base_events.BaseEventLoopWithSelectorTests.test_accept_connection*",
    ),
    *internal(PRIVATE, "test_events.*.test_internal_fds"),
    *internal(PRIVATE + " (events._ThreadSafeHandle)", "test_events.*.test_call_soon_threadsafe_handle_*"),
    *internal(
        PRIVATE + " (_watcher)",
        "test_subprocess.*.test_watcher_implementation",
        "test_subprocess.*.test_pid_not_reaped_before_exit_published",
    ),
    *internal(PRIVATE + " (_stop_serving)", "test_events.*.test_prompt_cancellation"),
    *internal(PRIVATE + " (_run_once)", "test_events.*.test_timeout_rounding"),
    *internal(PRIVATE + " (transport._ssl_protocol)", "test_ssl.*.test_flush_before_shutdown"),
    *internal(
        PRIVATE + " (transport._test__append_write_backlog)",
        "test_ssl.*.test_remote_shutdown_receives_trailing_data",
    ),
    *internal(
        MOCKED + " (SSLProtocol.connection_made)",
        "test_sslproto.*.test_create_connection_ssl_failed_certificate_no_cycles",
    ),
    *internal(LOGGER, "test_base_events.BaseEventLoopWithSelectorTests.test_log_slow_callbacks"),
    *internal(OWN, "test_transports.*.test_flowcontrol_mixin_set_write_limits"),
    *internal("starts an interpreter, which has stock asyncio", "test_*.test_env_var_debug"),
    # -- single tests of the Hosted classes
    *internal(
        PRIVATE,
        "test_base_events.Hosted*.test__add_callback*",
        "test_base_events.Hosted*.test__run_once*",
        "test_base_events.Hosted*.test__sock_sendfile_*",
        "test_base_events.Hosted*.test_not_implemented",
    ),
    *internal(PRIVATE + " (_scheduled)", "test_base_events.Hosted*.test_call_later"),
    *internal(PRIVATE + " (_ready)", "test_base_events.Hosted*.test_call_soon"),
    *internal(PRIVATE + " (_run_forever_setup, _run_once)", "test_base_events.Hosted*.test_custom_run_forever*"),
    *internal(
        PRIVATE + " (_run_once)",
        "test_base_events.Hosted*.test_set_exc_handler_broken",
        "test_base_events.Hosted*.test_set_exc_handler_custom",
        "test_tasks.Hosted*.test_log_destroyed_pending_task",
    ),
    *internal(
        PRIVATE + " (_selector)",
        "test_base_events.Hosted*.test_run_forever_pre_stopped",
        "test_base_events.Hosted*.test_single_selecter_event*",
    ),
    *internal(
        LOGGER,
        "test_base_events.Hosted*.test_default_exc_handler*",
        "test_futures.Hosted*.test_future_exception_never_retrieved*",
        "test_futures.Hosted*.test_tb_logger_*",
        "test_tasks.Hosted*.test_error_in_call_soon",
        "test_tasks.Hosted*.test_tb_logger_*",
    ),
    *internal(OWN, "test_base_events.Hosted*.test_create_task"),
    *internal(
        "expects a loop without native sendfile",
        "test_base_events.Hosted*.test_sock_sendfile_no_fallback",
    ),
    *internal(
        MOCKED + " (asyncio.coroutines._is_debug_mode)",
        "test_runners.Hosted*.test_asyncio_run_debug",
    ),
    *internal(
        MOCKED + " (BaseEventLoop.call_exception_handler)",
        "test_tasks.Hosted*.test_issue46672",
    ),
]

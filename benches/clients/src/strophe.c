/* libstrophe's client: strophe ADDRESS CA LOGINS MESSAGES, as main.rs says. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>

static int left, established;

static int on_message(xmpp_conn_t *connection, xmpp_stanza_t *message, void *data)
{
    (void)message;
    (void)data;
    if (--left == 0)
        xmpp_disconnect(connection);
    return 1;
}

static void on_connection(xmpp_conn_t *connection, xmpp_conn_event_t event, int error, xmpp_stream_error_t *stream_error,
                          void *data)
{
    (void)error;
    (void)stream_error;
    if (event != XMPP_CONN_CONNECT) {
        xmpp_stop(data);
        return;
    }
    established = xmpp_conn_is_secured(connection);
    xmpp_handler_add(connection, on_message, NULL, "message", NULL, NULL);
    if (left >= 0)
        printf("ready\n");
    if (left <= 0)
        xmpp_disconnect(connection);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    char *port = strrchr(argv[1], ':');
    *port = 0;
    xmpp_initialize();
    for (int logins = atoi(argv[3]); logins > 0; logins--) {
        left = logins > 1 ? -1 : atoi(argv[4]);
        established = 0;
        xmpp_ctx_t *context = xmpp_ctx_new(NULL, NULL);
        xmpp_conn_t *connection = xmpp_conn_new(context);
        xmpp_conn_set_jid(connection, "bob@localhost/bench");
        xmpp_conn_set_pass(connection, "secret");
        xmpp_conn_set_cafile(connection, argv[2]);
        xmpp_conn_set_flags(connection, XMPP_CONN_FLAG_MANDATORY_TLS);
        if (xmpp_connect_client(connection, argv[1], (unsigned short)atoi(port + 1), on_connection, context) != XMPP_EOK)
            return 3;
        xmpp_run(context);
        xmpp_conn_release(connection);
        xmpp_ctx_free(context);
        if (!established)
            return 1;
    }
    xmpp_shutdown();
    return 0;
}

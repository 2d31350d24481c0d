/* A libstrophe client: log in, ping, send itself a message, disconnect. PORT CA PASSWORD starttls|direct|echo
   `echo`: STARTTLS, and a server that sends everything back, a ping too, so that none is sent. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>

static int done;
static int is_echo;

static int on_certificate(const xmpp_tlscert_t *certificate, const char *reason)
{
    (void)certificate;
    printf("certificate refused: %s\n", reason);
    return 0;
}

static void send_message(xmpp_conn_t *connection, const char *to, const char *text)
{
    xmpp_ctx_t *context = xmpp_conn_get_context(connection);
    xmpp_stanza_t *message = xmpp_message_new(context, "chat", to, text);
    xmpp_message_set_body(message, text);
    xmpp_send(connection, message);
    xmpp_stanza_release(message);
}

static void send_messages(xmpp_conn_t *connection)
{
    send_message(connection, xmpp_conn_get_bound_jid(connection), "to myself <&>");
    send_message(connection, "localhost", "to the domain");
}

static int on_pong(xmpp_conn_t *connection, xmpp_stanza_t *answer, void *data)
{
    (void)data;
    if (strcmp(xmpp_stanza_get_type(answer), "result") != 0) {
        printf("ping was refused\n");
        xmpp_disconnect(connection);
        return 0;
    }
    printf("pong\n");
    send_messages(connection);
    return 0;
}

static int on_message(xmpp_conn_t *connection, xmpp_stanza_t *message, void *data)
{
    (void)data;
    char *body = xmpp_message_get_body(message);
    printf("message %s\n", body ? body : "(none)");
    if (body && strcmp(body, "to the domain") == 0) {
        done = 1;
        xmpp_disconnect(connection);
    }
    if (body)
        xmpp_free(xmpp_conn_get_context(connection), body);
    return 1;
}

static void on_connection(xmpp_conn_t *connection, xmpp_conn_event_t event, int error, xmpp_stream_error_t *stream_error,
                          void *data)
{
    xmpp_ctx_t *context = data;
    if (event == XMPP_CONN_CONNECT) {
        if (!xmpp_conn_is_secured(connection)) {
            printf("not secured\n");
            xmpp_disconnect(connection);
            return;
        }
        xmpp_handler_add(connection, on_message, NULL, "message", NULL, NULL);
        if (is_echo) {
            send_messages(connection);
            return;
        }
        xmpp_id_handler_add(connection, on_pong, "p1", NULL);
        xmpp_stanza_t *iq = xmpp_iq_new(context, "get", "p1");
        xmpp_stanza_t *ping = xmpp_stanza_new(context);
        xmpp_stanza_set_name(ping, "ping");
        xmpp_stanza_set_ns(ping, "urn:xmpp:ping");
        xmpp_stanza_add_child(iq, ping);
        xmpp_send(connection, iq);
        xmpp_stanza_release(ping);
        xmpp_stanza_release(iq);
    } else {
        printf("disconnected, error %d, stream error %d\n", error, stream_error ? (int)stream_error->type : -1);
        xmpp_stop(context);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 64;
    is_echo = strcmp(argv[4], "echo") == 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    xmpp_initialize();
    xmpp_ctx_t *context = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_WARN));
    xmpp_conn_t *connection = xmpp_conn_new(context);
    xmpp_conn_set_jid(connection, "alice@localhost/strophe");
    xmpp_conn_set_pass(connection, argv[3]);
    xmpp_conn_set_cafile(connection, argv[2]);
    xmpp_conn_set_certfail_handler(connection, on_certificate);
    xmpp_conn_set_flags(connection,
                        strcmp(argv[4], "direct") == 0 ? XMPP_CONN_FLAG_LEGACY_SSL : XMPP_CONN_FLAG_MANDATORY_TLS);
    if (xmpp_connect_client(connection, "127.0.0.1", (unsigned short)atoi(argv[1]), on_connection, context) != XMPP_EOK)
        return 3;
    xmpp_run(context);
    xmpp_conn_release(connection);
    xmpp_ctx_free(context);
    xmpp_shutdown();
    if (!done)
        return 1;
    printf("done\n");
    return 0;
}

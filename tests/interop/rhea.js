// Receives messages with rhea, an AMQP 1.0 implementation that shares no code with
// ours. Takes options as JSON, prints one JSON object a line: what happened.
'use strict';
const fs = require('fs');
const options = JSON.parse(process.argv[2]);
const rhea = require(options.module);

function say(what) { process.stdout.write(JSON.stringify(what) + '\n'); }
function end(what) { say(what); setImmediate(() => process.exit(0)); }

const connect = {
    host: '127.0.0.1', port: options.port, reconnect: false,
    container_id: 'rhea-' + process.pid,
};
if (options.username) {
    connect.username = options.username;
    connect.password = options.password;
}
if (options.ca) {
    connect.transport = 'tls';
    connect.ca = fs.readFileSync(options.ca);
    connect.servername = 'localhost';
    connect.minVersion = connect.maxVersion = options.version;
    if (options.cert) {
        connect.cert = fs.readFileSync(options.cert);
        connect.key = fs.readFileSync(options.key);
        connect.enable_sasl_external = true;
    }
}

let left = options.count || 0;
rhea.on('connection_open', () => say({event: 'open'}));
rhea.on('receiver_open', (context) => {
    if (context.receiver.remote.attach.source) {
        say({event: 'attached', address: context.receiver.source.address});
    }
});
rhea.on('message', (context) => {
    const {message, delivery} = context;
    say({
        event: 'message', to: message.to, durable: !!message.durable,
        content_type: message.content_type, id: message.message_id,
        body: message.body && message.body.content.toString('utf8'),
        properties: message.application_properties,
        annotations: message.message_annotations,
    });
    delivery[options.verdict || 'accept'](options.verdict === 'reject'
        ? {condition: 'hono:bad-request', description: 'cannot read it'} : undefined);
    if (--left === 0) setTimeout(() => end({event: 'done'}), 200);
});
rhea.on('receiver_error', (c) => end({
    event: 'refused', condition: c.receiver.error.condition,
}));
rhea.on('connection_error', (c) => end({event: 'closed', condition: c.connection.error.condition}));
rhea.on('disconnected', (c) => end({
    event: 'disconnected', error: c.error && (c.error.code || c.error.message || '') + '',
}));
rhea.on('error', (error) => end({event: 'disconnected', error: String(error)}));
const connection = rhea.connect(connect);
connection.open_receiver({source: options.address, autoaccept: false,
                          credit_window: options.credit || 10});
setTimeout(() => end({event: 'timeout'}), 15000);

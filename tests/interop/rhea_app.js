// An application that sends one command with rhea, and waits for the response. Takes
// options as JSON, prints one JSON object a line: what happened.
'use strict';
const options = JSON.parse(process.argv[2]);
const rhea = require(options.module);

function say(what) { process.stdout.write(JSON.stringify(what) + '\n'); }
function end(what) { say(what); setImmediate(() => process.exit(0)); }

const replyTo = options.reply && `command_response/${options.tenant}/${options.reply}`;
let tries = options.tries;
let sender;

function send() {
    const message = {
        to: `command/${options.tenant}/${options.device}`,
        subject: options.name,
        content_type: options.content_type,
        body: options.body === null ? undefined
            : rhea.message.data_section(Buffer.from(options.body, 'utf8')),
    };
    if (replyTo) {
        message.reply_to = replyTo;
        message.correlation_id = 'corr-' + options.reply;
    }
    sender.send(message);
}

function settled(state, error) {
    if (state === 'released' && --tries > 0) {
        setTimeout(send, 50);
        return;
    }
    say({event: 'outcome', state, condition: error && error.condition});
    if (state !== 'accepted' || !replyTo) end({event: 'done'});
}

rhea.on('sender_open', (c) => { sender = c.sender; });
rhea.once('sendable', send);
rhea.on('accepted', () => settled('accepted'));
rhea.on('released', () => settled('released'));
rhea.on('rejected', (c) => settled('rejected', c.delivery.remote_state.error));
rhea.on('message', (context) => {
    const {message} = context;
    say({
        event: 'response', correlation_id: message.correlation_id,
        content_type: message.content_type, properties: message.application_properties,
        body: message.body ? message.body.content.toString('utf8') : '',
    });
    setTimeout(() => end({event: 'done'}), 100);
});
for (const name of ['connection_error', 'sender_error', 'receiver_error', 'error']) {
    rhea.on(name, (c) => end({event: 'failed', name, text: String(c.error || c)}));
}
const connection = rhea.connect({
    host: '127.0.0.1', port: options.port, reconnect: false, username: 'anonymous',
});
function open() { connection.open_sender(`command/${options.tenant}`); }
if (replyTo) {
    // Only when it is there: the response may be quick.
    connection.open_receiver({source: replyTo});
    rhea.once('receiver_open', open);
} else {
    open();
}
setTimeout(() => end({event: 'timeout'}), 15000);

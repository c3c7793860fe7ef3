import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Has payments decided over Kafka, as a payment switch does, with nothing but Kafka's own client:
 *
 * <pre>java -cp "$HOME/.cache/clausum/kafka/4.3.1/*" deploy/kafka/Assess.java BROKERS ORGANIZATION &lt; payments</pre>
 *
 * <p>Each line of standard input is one payment: an id without spaces, a space, and the body of
 * <code>POST /api/v1/assess</code>. An id that is sent again within 24 hours is decided once, and answered with the
 * same bytes. Each answer is a line of standard output: the id, the HTTP status, <code>new</code> or
 * <code>repeat</code>, and the body. It ends with 0 when every payment has its answer, and with 1 where one became a
 * dead letter or was not answered in time. Properties of the clients, those of TLS and SASL above all, are taken from
 * the file that a third argument names.
 */
public final class Assess {
    private static final String REQUESTS = "clausum.requests";
    private static final String DECISIONS = "clausum.decisions";
    private static final String DEAD_LETTERS = "clausum.dead_letters";
    /** A repeat is known by it and the payment's id, so it is the same whenever this program runs. */
    private static final String SOURCE = "/examples/switch";

    /** Dead letters of which there is an answer as well, which says all. */
    private static final List<String> ANSWERED_BESIDES = List.of("not_json", "too_large", "engine_fault");

    private static final Duration ANSWERED_WITHIN = Duration.ofSeconds(60);

    private final String organization;
    private final Map<String, Object> properties;
    private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    /** How many answers each id waits for. */
    private final Map<String, Integer> waiting = new ConcurrentHashMap<>();
    private volatile boolean failed;

    private Assess(String organization, Map<String, Object> properties) {
        this.organization = organization;
        this.properties = properties;
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 2 || arguments.length > 3) {
            System.err.println("usage: Assess BROKERS ORGANIZATION [PROPERTIES]  (payments on standard input)");
            System.exit(2);
        }
        Map<String, Object> properties = new HashMap<>();
        if (arguments.length == 3) {
            Properties file = new Properties();
            try (BufferedReader reader = Files.newBufferedReader(Path.of(arguments[2]))) {
                file.load(reader);
            }
            file.stringPropertyNames().forEach(name -> properties.put(name, file.getProperty(name)));
        }
        properties.put("bootstrap.servers", arguments[0]);
        System.exit(new Assess(arguments[1], properties).run() ? 0 : 1);
    }

    private boolean run() throws Exception {
        try (KafkaConsumer<String, String> consumer = consumer()) {
            // Where the topics end is known before anything is sent, so no answer can be missed.
            Map<TopicPartition, Chain> chains = begin(consumer);
            Thread reading = new Thread(() -> read(consumer, chains), "answers");
            reading.start();
            try (KafkaProducer<String, String> producer = producer()) {
                send(producer);
            } finally {
                long end = System.nanoTime() + ANSWERED_WITHIN.toNanos();
                while (!waiting.isEmpty() && reading.isAlive() && System.nanoTime() < end) {
                    TimeUnit.MILLISECONDS.sleep(5);
                }
                consumer.wakeup();
                reading.join();
            }
            long skipped = chains.values().stream().mapToLong(chain -> chain.skipped).sum();
            if (skipped > 0) {
                System.err.println(skipped + " records skipped: written again, or behind a gap");
            }
            String late = ": no answer within " + ANSWERED_WITHIN.toSeconds() + " s";
            waiting.keySet().forEach(id -> System.err.println(id + late));
        }
        return !failed && waiting.isEmpty();
    }

    /** An idempotent producer: what it sends is there once and in order, whatever it had to try again. */
    private KafkaProducer<String, String> producer() {
        Map<String, Object> settings = new HashMap<>(properties);
        settings.put("enable.idempotence", "true");
        settings.put("acks", "all");
        // No transactions: requests are read uncommitted, and one that is taken back is decided all the same.
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    private void send(KafkaProducer<String, String> producer) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            String[] payment = line.strip().split(" ", 2);
            if (payment.length < 2) {
                continue;
            }
            String id = payment[0];
            // The key is the organization, which Java's client puts where it belongs: partitions are found by murmur2.
            ProducerRecord<String, String> request = new ProducerRecord<>(REQUESTS, organization, payment[1]);
            put(request.headers(), "ce_specversion", "1.0");
            put(request.headers(), "ce_id", id);
            put(request.headers(), "ce_source", SOURCE);
            put(request.headers(), "ce_type", "clausum.assess.v1");
            put(request.headers(), "content-type", "application/json");
            waiting.merge(id, 1, Integer::sum);
            producer.send(request, (metadata, error) -> {
                if (error != null) {
                    // Whether it is in the log is not known: sent again with the same id it is decided once.
                    isAnswered(id);
                    fail(id + ": not acknowledged: " + error.getMessage());
                }
            });
        }
    }

    private KafkaConsumer<String, String> consumer() {
        Map<String, Object> settings = new HashMap<>(properties);
        // No group, and no offsets kept by Kafka: a reader's position is the last output it took.
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "none");
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    /**
     * Stands before the last output of every partition. A reader that goes on after a restart would keep, with the
     * answers it has dealt with, each partition's offset and last output, and begin there.
     */
    private Map<TopicPartition, Chain> begin(KafkaConsumer<String, String> consumer) {
        List<TopicPartition> all = Stream.of(DECISIONS, DEAD_LETTERS)
                .flatMap(topic -> consumer.partitionsFor(topic).stream())
                .map(info -> new TopicPartition(info.topic(), info.partition()))
                .toList();
        consumer.assign(all);
        Map<TopicPartition, Long> starts = consumer.beginningOffsets(all);
        Map<TopicPartition, Long> ends = consumer.endOffsets(all);
        Map<TopicPartition, Chain> chains = new HashMap<>();
        for (TopicPartition each : all) {
            long end = ends.get(each);
            consumer.seek(each, Math.max(starts.get(each), end - 1));
            chains.put(each, new Chain(end));
        }
        return chains;
    }

    private void read(KafkaConsumer<String, String> consumer, Map<TopicPartition, Chain> chains) {
        try {
            while (true) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    Chain chain = chains.get(new TopicPartition(record.topic(), record.partition()));
                    // What was there before tells where the chain stands, and is nothing to us.
                    if (chain.takes(record) && record.offset() >= chain.endAtStart) {
                        take(record);
                    }
                }
            }
        } catch (WakeupException ended) {
            // Every payment has its answer, or its time is up.
        } catch (RuntimeException error) {
            System.err.println("answers cannot be read: " + error);
            System.exit(1);
        }
    }

    private void take(ConsumerRecord<String, String> record) {
        Headers headers = record.headers();
        if (record.topic().equals(DEAD_LETTERS)) {
            // The record as it was sent, and why it is one.
            String id = text(headers, "ce_id");
            String code = text(headers, "clausum-error-code");
            boolean isOurs = SOURCE.equals(text(headers, "ce_source")) && organization.equals(record.key());
            if (isOurs && !ANSWERED_BESIDES.contains(code) && isAnswered(id)) {
                fail(id + ": dead letter, " + code + ": " + text(headers, "clausum-error-message"));
            }
            return;
        }
        // Others' answers are here too; who shares ids with others goes by clausum-position instead, which is the
        // partition and offset that send() told.
        String id = text(headers, "ce_correlationid");
        if (organization.equals(record.key()) && isAnswered(id)) {
            String repeat = "true".equals(text(headers, "clausum-replayed")) ? "repeat" : "new";
            out.println(id + " " + text(headers, "clausum-status") + " " + repeat + " " + record.value());
        }
    }

    /** One answer fewer to wait for, if one was waited for at all. */
    private boolean isAnswered(String id) {
        boolean isWaitedFor = id != null && waiting.containsKey(id);
        if (isWaitedFor) {
            waiting.computeIfPresent(id, (same, count) -> count == 1 ? null : count - 1);
        }
        return isWaitedFor;
    }

    private void fail(String why) {
        System.err.println(why);
        failed = true;
    }

    private static void put(Headers headers, String name, String value) {
        headers.add(name, value.getBytes(StandardCharsets.UTF_8));
    }

    private static String text(Headers headers, String name) {
        Header header = headers.lastHeader(name);
        return header == null || header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8);
    }

    /**
     * The reader's rule for one partition of a topic: take a record if and only if it names the last one taken as the
     * one before it. After a failover outputs may be there twice, and some may stand behind a gap; what was written
     * twice falls out, and what stands behind a gap is written again from the gap. clausum-epoch tells nothing here.
     */
    private static final class Chain {
        private final long endAtStart;
        private long offset;
        private long index;
        /** The last output taken, as clausum-prev names it. An empty topic begins with the first of all. */
        private String last;
        private long skipped;

        Chain(long endAtStart) {
            this.endAtStart = endAtStart;
            this.last = endAtStart == 0 ? "-" : null;
        }

        boolean takes(ConsumerRecord<String, String> record) {
            String position = text(record.headers(), "clausum-position");
            long offset = Long.parseLong(position.substring(position.indexOf(':') + 1));
            long index = Long.parseLong(text(record.headers(), "clausum-index"));
            boolean isNext = last == null || text(record.headers(), "clausum-prev").equals(last);
            // Up to the end that the topic had at the start a reader that stands wrong begins anew further on.
            boolean begins = record.offset() < endAtStart
                    && (offset > this.offset || offset == this.offset && index > this.index);
            if (!isNext && !begins) {
                skipped++;
                return false;
            }
            this.offset = offset;
            this.index = index;
            last = offset + "/" + index;
            return true;
        }
    }
}

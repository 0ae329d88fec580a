package io.quern.bench.measure;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.quern.bench.Rooms;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class VisitTest {
    @Test
    void aPlanComesBackAsItWas() {
        List<Visit> plan = List.of(
                new Visit(46, "lion.step/bf16+fp32m/n=4096", null),
                new Visit(3, "rope.apply/fp32/1x2x3-halves", "C r+w loop"));
        assertEquals(plan, Visit.read(Visit.write(plan)));
    }

    @Test
    void everySubjectCanBePlannedAndFoundAgain() {
        List<Subject> subjects = Rooms.subjects();
        List<Visit> plan = subjects.stream().flatMap(VisitTest::visits).toList();
        assertEquals(plan, Visit.read(Visit.write(plan)));
        assertEquals(
                subjects.size(), subjects.stream().map(Subject::id).distinct().count(), "two subjects have one name");
    }

    private static Stream<Visit> visits(Subject subject) {
        Visit alone = new Visit(1, subject.id(), null);
        return Stream.concat(Stream.of(alone), subject.peers().stream().map(peer -> new Visit(1, subject.id(), peer)));
    }
}

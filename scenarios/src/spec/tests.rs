use super::*;
use proptest::prelude::*;

/// The one problem of a file that begins with a good `[scenario]`, as line, column, message, remedy.
fn problem(rest: &str) -> (usize, usize, String, String) {
    problem_of(&format!("[scenario]\nname = \"a\"\n{rest}"))
}

fn problem_of(text: &str) -> (usize, usize, String, String) {
    let error = Scenario::parse("x.toml", text).expect_err(text);
    let [problem] = &error.problems[..] else { panic!("one problem in {text:?}, not:\n{error}") };
    let place = problem.place.clone().expect("a place in the file");
    (place.line, place.column, problem.message.clone(), problem.remedy.clone())
}

/// Every kind of mistake: the text after `[scenario]`, where it is reported, and words of message and remedy.
pub(super) const MISTAKES: &[(&str, usize, usize, &str, &str)] = &[
    ("nam = 2", 3, 1, "unknown key `nam`", "did you mean `name`?"),
    ("seed = 9999999999999999999", 3, 8, "`seed` is 9999999999999999999", "allowed: 0 to 9223372036854775807"),
    ("seed = 99999999999999999999", 3, 8, "integer `99999999999999999999`", "a whole number from 0 to"),
    ("time_limit_ms = 0", 3, 17, "`time_limit_ms` is 0", "allowed: 1 to 86400000"),
    ("name = \"b\"", 3, 1, "a second time", "remove one"),
    ("[clustre]\nnodes = 2", 3, 2, "unknown key `clustre`", "did you mean `cluster`?"),
    ("[cluster]\nnodes = \"2\"", 4, 9, "string \"2\"", "a whole number from 0 to 65535, without quotes"),
    ("[cluster]\nnodes = -2", 4, 9, "integer `-2`", "a whole number from 0 to 65535"),
    ("[cluster]\nnodes = 2.5", 4, 9, "floating point `2.5`", "a whole number"),
    ("[cluster]\nnodes = 0", 4, 9, "a \"star\" cluster of no nodes", "connects 2 to 64 nodes"),
    ("[cluster]\nnodes = 65", 4, 9, "of 65 nodes cannot be built", "connects 2 to 64 nodes"),
    ("[cluster]\ntopology = \"back-to-back\"\nnodes = 3", 5, 9, "of 3 nodes cannot be built", "exactly 2 nodes"),
    ("[cluster]\ntopology = \"ring\"", 4, 12, "`ring` is not known", "allowed: star, back-to-back"),
    ("[cluster]\nmtu_bytes = 300", 4, 13, "`mtu_bytes` is 300", "allowed: 256, 512, 1024, 2048, 4096"),
    ("[cluster]\nlink_latency_ns = 0", 4, 19, "`link_latency_ns` is 0", "allowed: 1 to"),
    ("[cluster.host_cable]\nlength_m = 100001", 4, 12, "`length_m` is 100001", "allowed: 0 to 100000"),
    ("[cluster.host_cable]\nlength_m = 0.5", 4, 12, "floating point `0.5`", "a whole number from 0 to"),
    ("[cluster.host_cable]\nlength_m = 0", 3, 10, "the latency of `host_cable` is 0", "length_m = 1 to 100000"),
    ("[cluster.fabric_cable]", 3, 10, "the latency of `fabric_cable` is 0", "fec_latency_ns = 1 to 1000000"),
    ("[cluster.fabric_cable]\nlenght_m = 3", 4, 1, "unknown key `lenght_m`", "did you mean `length_m`?"),
    ("[cluster.fabric_cable]\nphy_latency_ns = 1000001", 4, 18, "`phy_latency_ns` is 1000001", "allowed: 0 to 1000000"),
    (
        "[cluster.fabric_cable]\nlength_m = 1\nfec_latency_ns = 1000001",
        5,
        18,
        "`fec_latency_ns` is 1000001",
        "allowed: 0 to 1000000",
    ),
    (
        "[cluster.topology.file]\npath = \"t.txt\"\n[cluster.host_cable]\nlength_m = 3\n\
         [workload.flows.pattern.incast]\nbytes = 1",
        5,
        10,
        "latencies are those of the topology file",
        "remove the table",
    ),
    (
        "[cluster.topology.file]\npath = \"t.txt\"\n[cluster.fabric_cable]\nlength_m = 3\n\
         [workload.flows.pattern.incast]\nbytes = 1",
        5,
        10,
        "`fabric_cable` would change nothing",
        "remove the table",
    ),
    (
        "[workload.flows]\npriority = 8\n[workload.flows.pattern.incast]\nbytes = 1",
        4,
        12,
        "`priority` is 8",
        "allowed: 0 to 7",
    ),
    (
        "[[workload.flows.pattern.list]]\nfrom = 0\nto = 1\nbytes = 1\npriority = 9",
        7,
        12,
        "`priority` is 9",
        "allowed: 0 to 7",
    ),
    (
        "[cluster]\nlink_latency_ns = 2\n[cluster.topology.file]\npath = \"t\"\n[workload.flows.pattern.incast]\nbytes = 1",
        4,
        19,
        "`link_latency_ns` would change nothing",
        "remove the key",
    ),
    (
        "[cluster]\nrate_gbps = 400\n[cluster.topology.file]\npath = \"t\"\n[workload.flows.pattern.incast]\nbytes = 1",
        4,
        13,
        "those of the topology file",
        "remove the key",
    ),
    (
        "[cluster]\nfabric_rate_gbps = 100\n[cluster.topology.file]\npath = \"t\"\n[workload.flows.pattern.incast]\nbytes = 1",
        4,
        20,
        "`fabric_rate_gbps` would change nothing",
        "remove the key",
    ),
    (
        "[cluster]\nnodes = 9\n[cluster.topology.file]\npath = \"t\"\n[workload.flows.pattern.incast]\nbytes = 1",
        4,
        9,
        "`nodes` would change nothing",
        "without a file",
    ),
    (
        "[cluster.topology.file]\npath = \"t\"\n[workload.key-value]",
        3,
        10,
        "\"file\" is for [workload.flows]",
        "another",
    ),
    (
        "[workload.flows.pattern.file]\npath = \"f\"\nepoch_ms = 86400001",
        5,
        12,
        "`epoch_ms` is 86400001",
        "allowed: 0 to 86400000",
    ),
    (
        "[workload.flows.pattern.incast]\nbytes = 1\n[expect]\noperations_min = 5",
        6,
        18,
        "cannot be judged by `operations_min`",
        "a study has findings, drops_max, pauses_min",
    ),
    ("[cluster]\nrate_gbps = 0", 4, 13, "`rate_gbps` is 0", "allowed: 1 to 1600"),
    ("[cluster]\nprocessors = 256", 4, 14, "integer `256`", "from 0 to 255"),
    ("[nic]\nprofile = \"generic-10g\"", 4, 11, "`generic-10g`", "did you mean `generic-100g`?"),
    ("[fabric]\npfc = [3, 8]", 4, 11, "`pfc[1]` is 8", "allowed: 0 to 7"),
    ("[fabric]\necn = \"red\"", 4, 7, "`red`", "allowed: auto, off"),
    ("[fabric]\ningress_alpha_log2 = 4", 4, 22, "`ingress_alpha_log2` is 4", "allowed: -7 to 3"),
    ("[congestion]\nscheme = \"dcqcm\"", 4, 10, "`dcqcm`", "did you mean `dcqcn`?"),
    ("[congestion]\nparameters = \"mlx5\"", 4, 14, "without a scheme", "name a scheme"),
    ("[congestion]\nscheme = \"hpcc\"\nparameters = \"mlx5\"", 5, 14, "no parameter set of hpcc", "sigcomm-2019"),
    ("[nic]\npcie_lanes = 3", 4, 14, "`pcie_lanes` is 3", "allowed: 1, 2, 4, 8, 16"),
    ("[nic]\nxoff_bytes = 5\nxon_bytes = 5", 5, 13, "not below `xoff_bytes`", "allowed: 0 to 4"),
    ("[nic]\nrecovery = \"gbn\"", 4, 12, "`gbn`", "allowed: go-back-n, selective-repeat"),
    ("[provider]\nversion = \"3.0\"", 4, 11, "`3.0` is not an NDK version", "\"1.1\", \"1.2\", \"2.0\", \"2.1\""),
    ("[provider]\ninline = [\"pd\", \"pq\"]", 4, 17, "`pq` is not a kind of object", "allowed: qp, cq,"),
    ("[provider]\ninline = \"pd\"", 4, 10, "string \"pd\"", "a list in brackets"),
    ("[provider]\ninline = [\"cq\"]\npending = [\"qp\", \"cq\"]", 5, 18, "`cq` is in `inline` and again", "one list"),
    ("[workload]", 3, 1, "exactly one workload", "[workload.NAME]"),
    ("[workload.copy]", 3, 11, "`copy` is not known here", "allowed: replicate"),
    ("[workload.replicate]\nchunk_bytes = 0", 4, 15, "`chunk_bytes` is 0", "allowed: 1 to 16777216"),
    ("[workload.replicate]\nstyles = [\"sync\"]", 4, 11, "`sync` is not known here", "async, callbacks"),
    ("[workload.replicate]\nstyles = []", 4, 10, "0 consumer styles for 2 nodes", "one for each node"),
    ("[fault]\ncreate = 3", 4, 10, "integer `3`", "rows begin with [[section.name]]"),
    ("[[fault.create]]\nkind = \"qp\"", 3, 1, "the key `effect` is missing", "add a line effect = ..."),
    ("[[fault.create]]\nkind = \"qp\"\neffect = \"fail\"", 3, 1, "\"fail\" has no status", "INSUFFICIENT_RESOURCES"),
    (
        "[[fault.create]]\nkind = \"qp\"\neffect = \"fail\"\nstatus = \"STATUS_INSUFICIENT_RESOURCES\"",
        6,
        10,
        "`STATUS_INSUFICIENT_RESOURCES` is not a status",
        "did you mean STATUS_INSUFFICIENT_RESOURCES?",
    ),
    (
        "[[fault.create]]\nkind = \"qp\"\neffect = \"fail\"\nstatus = \"SUCCESS\"",
        6,
        10,
        "is no failure",
        "name a failure",
    ),
    ("[[fault.create]]\nkind = \"qp\"\neffect = \"never\"\nstatus = \"NO_MEMORY\"", 6, 10, "takes no status", "remove"),
    ("[[fault.create]]\nkind = \"qp\"\neffect = \"late\"", 3, 1, "\"late\" has no delay", "delay_us = 500"),
    ("[[fault.create]]\nkind = \"qp\"\neffect = \"never\"\ndelay_us = 5", 6, 12, "takes no delay", "remove"),
    ("[[fault.create]]\nkind = \"qp\"\neffect = \"pend\"\nnode = 2", 6, 8, "there is no node 2", "allowed 0 to 1"),
    ("[[fault.create]]\nkind = \"qp\"\neffect = \"pend\"\nnth = 0", 6, 7, "`nth` is 0", "allowed: 1 to"),
    (
        "[[fault.wire]]\nlink = \"a->b\"\neffect = \"drop\"\nnth = 1",
        4,
        8,
        "no link \"a->b\"",
        "node0->switch, switch->",
    ),
    ("[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"drop\"", 3, 1, "says no frame", "probability = \"1/1000\""),
    (
        "[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"drop\"\nprobability = 0.001",
        6,
        15,
        "floating point `0.001`",
        "a word in quotes",
    ),
    (
        "[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"drop\"\nprobability = \"2/1\"",
        6,
        15,
        "`2/1` is not a probability",
        "such as \"1/1000\"",
    ),
    (
        "[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"drop\"\nnth = 1\nprobability = \"1/2\"",
        7,
        15,
        "exclude each other",
        "leave one",
    ),
    (
        "[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"drop\"\nnth = 1\ndelay_ns = 5",
        7,
        12,
        "\"drop\" takes no delay",
        "only \"delay\" and \"reorder\" do",
    ),
    (
        "[[fault.create]]\nkind = \"qp\"\neffect = \"pend\"\nevery = 2\nprobability = \"1/2\"",
        7,
        15,
        "`every` and `probability` exclude each other",
        "leave one",
    ),
    (
        "[[fault.create]]\nkind = \"qp\"\neffect = \"pend\"\nevery = 2\ntimes = 2",
        7,
        9,
        "goes with `nth` alone",
        "remove the key",
    ),
    ("[[fault.device]]\neffect = \"firmware-slow\"", 3, 1, "has no `delay_us`", "delay_us = 500"),
    ("[[fault.device]]\neffect = \"removal\"", 3, 1, "has no moment", "from_us = 500"),
    ("[[fault.device]]\neffect = \"reset\"\nfrom_us = 5\nnth = 2", 6, 7, "comes once, at its moment", "from_us"),
    ("[[fault.device]]\neffect = \"interrupt-lost\"\nnode = 2", 5, 8, "there is no node 2", "allowed 0 to 1"),
    ("[[fault.device]]\neffect = \"frimware-stuck\"", 4, 10, "not known here", "did you mean `firmware-stuck`?"),
    (
        "[[fault.device]]\neffect = \"command-fail\"\nstatus = \"NO_RESOURCE\"",
        5,
        10,
        "not a failure of a command",
        "did you mean NO_RESOURCES?",
    ),
    ("[[fault.host]]\neffect = \"no-memory\"\ndelay_us = 5", 5, 12, "takes no `delay_us`", "remove the key"),
    ("[[fault.host]]\neffect = \"iommu\"\naccess = \"wqe\"", 5, 10, "not a purpose of DMA", "send-wqes"),
    ("[[fault.host]]\neffect = \"iommu\"\nafter_us = 5", 5, 12, "`after_us` goes with `when`", "from_us"),
    ("[[fault.host]]\neffect = \"iommu\"\nwhen = \"row x\"", 5, 8, "no other row is called \"x\"", "other rows"),
    ("[[fault.host]]\neffect = \"iommu\"\nwhen = \"soon\"", 5, 8, "not an event of a run", "qp create 3"),
    ("[[fault.create]]\nkind = \"qp\"\neffect = \"reorder\"", 3, 1, "\"reorder\" has no `behind`", "add behind = 2"),
    ("[[fault.create]]\nkind = \"qp\"\neffect = \"pend\"\nprocessor = 1", 6, 13, "takes no `processor`", "only"),
    (
        "[[fault.create]]\nid = \"a\"\nkind = \"qp\"\neffect = \"pend\"\n[[fault.create]]\nid = \"a\"\nkind = \"qp\"\neffect = \"pend\"",
        8,
        6,
        "two rows are called \"a\"",
        "a name of its own",
    ),
    (
        "[[fault.request]]\nfunction = \"NdkConnect\"\neffect = \"pend-fail\"\nstatus = \"NO_MEMORY\"",
        5,
        10,
        "NdkConnect cannot be struck by \"pend-fail\"",
        "only \"fail\" fits",
    ),
    (
        "[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"pause-storm\"\nuntil_us = 9\nnth = 2",
        7,
        7,
        "\"pause-storm\" takes no `nth`",
        "about a port",
    ),
    (
        "[fabric]\npfc = []\n[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"pause-storm\"\nuntil_us = 9",
        7,
        10,
        "nobody heeds a pause",
        "pfc = [3]",
    ),
    ("[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"pause-storm\"\nfrom_us = 9", 3, 1, "must end", "until_us"),
    (
        "[expect]\noperations_min = 251\n[workload.key-value]\nconnections = 1\noperations = 250",
        4,
        18,
        "the workload does no 251 operations",
        "allowed: 0 to 250",
    ),
    ("[expect]\ngave_up_with = [\"NO_MEMORY\"]", 4, 16, "at most 0 tasks", "gave_up_max = 1"),
    ("[expect]\ngave_up_max = 1\ngave_up_with = [\"NO_MEMROY\"]", 5, 17, "is not a status", "did you mean"),
    ("[swarm]\ncreations_max = 1001", 4, 17, "`creations_max` is 1001", "allowed: 0 to 1000"),
    ("[workload.block-storage]\ncq_depth = 0", 4, 12, "`cq_depth` is 0", "allowed: 1 to"),
    (
        "[[fault.request]]\nfunction = \"NdkRegisterMR\"\neffect = \"pend\"",
        4,
        12,
        "not a function that a fault can strike",
        "did you mean NdkRegisterMr?",
    ),
    (
        "[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"down\"\nfrom_us = 5\nuntil_us = 5",
        7,
        12,
        "nothing is from 5 us until 5 us",
        "write 6 or more",
    ),
    ("[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"down\"\nnth = 1", 3, 1, "must come up", "until_us = 200"),
    (
        "[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"drop\"\nnth = 1\npacket = \"reed\"",
        7,
        10,
        "`reed` is not a kind of packet",
        "read-request",
    ),
    (
        "[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"drop\"\nnth = 1\nto_node = 2",
        7,
        11,
        "there is no node 2",
        "allowed 0 to 1",
    ),
    ("[swarm]\nuntil_us = 0", 4, 12, "`until_us` is 0", "allowed: 1 to"),
    ("[swarm]\nframe_max = 1", 4, 1, "unknown key `frame_max`", "did you mean `frames_max`?"),
    ("[planted]\nbug = \"late-completion-los\"", 4, 7, "is not known here", "did you mean `late-completion-lost`?"),
    ("[expect]\nall_closed = 1", 4, 14, "integer `1`", "true or false"),
    ("[expect]\ngoodput_gbps_min = 101", 4, 20, "no link can carry 101 Gb/s", "allowed: 0 to 100"),
    ("seed = ", 3, 8, "not TOML", "toml.io"),
];

#[test]
fn every_mistake_has_a_place_and_a_remedy() {
    for &(rest, line, column, message, remedy) in MISTAKES {
        let found = problem(rest);
        assert_eq!((found.0, found.1), (line, column), "place in {rest:?}: {}", found.2);
        assert!(found.2.contains(message), "{rest:?}: {}", found.2);
        assert!(found.3.contains(remedy), "{rest:?}: {}", found.3);
    }
}

#[test]
fn a_scenario_needs_a_name() {
    assert_eq!(problem_of("").2, "the section [scenario] is missing");
    assert_eq!(problem_of("[scenario]\n").2, "the key `name` is missing");
    assert!(problem_of("[scenario]\nname = \"../up\"").2.contains("cannot be a scenario's name"));
}

#[test]
fn mistakes_of_substance_are_reported_together() {
    let text = "[scenario]\nname = \"a\"\n[cluster]\nnodes = 0\nmtu_bytes = 300\n";
    let error = Scenario::parse("x.toml", text).expect_err("two mistakes");
    let lines: Vec<_> = error.problems.iter().filter_map(|problem| problem.place.as_ref()).map(|p| p.line).collect();
    assert_eq!(lines, [4, 5]);
}

#[test]
fn the_shortest_scenario_has_every_default() {
    let mut expected = Scenario::named("a");
    expected.provider.fill_in();
    assert_eq!(Scenario::parse("x.toml", "[scenario]\nname = \"a\"\n"), Ok(expected));
}

#[test]
fn everything_written_out_is_read_back() {
    let text = "[scenario]\nname = \"all\"\nseed = 7\n[cluster]\nnodes = 3\n[nic]\ntime = \"zero\"\n\
        [provider]\nversion = \"1.2\"\ninline = [\"cq\"]\ninside_call = [\"mr\"]\n[workload.replicate]\ninput = \"b\"\n\
        [[fault.create]]\nkind = \"qp\"\nnode = 1\nnth = 2\ntimes = 3\neffect = \"pend-fail\"\n\
        status = \"NO_MEMORY\"\ndelay_us = 4\n[[fault.wire]]\nlink = \"switch->node2\"\neffect = \"delay\"\n\
        probability = \"1/3\"\ndelay_ns = 9\n[expect]\ndrops_max = 0\n";
    let scenario = Scenario::parse("x.toml", text).expect("a good scenario");
    assert_eq!(scenario.fault.create[0].to_string(), "node1: qp create 2-4 pend-fail NO_MEMORY +4 us");
    assert_eq!(scenario.fault.wire[0].to_string(), "switch->node2: delay 1 in 3 frames by 9 ns");
    let written = scenario.to_toml();
    assert_eq!(Scenario::parse("written.toml", &written), Ok(scenario), "{written}");
}

#[test]
fn cables_are_shown_where_they_were_written() {
    let text = "[scenario]\nname = \"a\"\n[cluster.fabric_cable]\nlength_m = 100\nfec_latency_ns = 180\n";
    let scenario = Scenario::parse("x.toml", text).expect("a good scenario");
    let cable = CableDelay { length_m: 100, phy_latency_ns: 0, fec_latency_ns: 180 };
    assert_eq!((scenario.cluster.host_cable, scenario.cluster.fabric_cable), (None, Some(cable)));
    let shown = scenario.to_toml();
    let table = "[cluster.fabric_cable]\nlength_m = 100\nphy_latency_ns = 0\nfec_latency_ns = 180\n";
    assert!(shown.contains(table) && !shown.contains("host_cable"), "{shown}");
    assert_eq!(Scenario::parse("shown.toml", &shown), Ok(scenario));
    assert!(!Scenario::named("a").to_toml().contains("_cable"));
}

/// The example of the library's README shows every key, and defaults where a key has one.
#[test]
fn the_documented_file_is_complete() {
    let readme = include_str!("../../library/README.md");
    let example = readme.split("```").nth(1).and_then(|block| block.strip_prefix("toml")).expect("a block of TOML");
    let scenario = Scenario::parse("README.md", example).unwrap_or_else(|error| panic!("{error}"));
    let keys = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| line.split(['=', '#']).next().unwrap_or("").trim().to_owned()).collect()
    };
    assert_eq!(keys(example), keys(&scenario.to_toml()));
    let defaults = Scenario::parse("x.toml", "[scenario]\nname = \"a\"\n").expect("the shortest scenario");
    assert_eq!(
        (scenario.cluster, scenario.fabric, scenario.congestion, scenario.nic, scenario.provider),
        (defaults.cluster, defaults.fabric, defaults.congestion, defaults.nic, defaults.provider)
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Scenario::parse("x.toml", &text);
    }

    /// A good file with one byte changed is a scenario or a problem with a place.
    #[test]
    fn damaged_files_are_reported(at in 0_usize..400, byte in 32_u8..127) {
        let mut text = Scenario::named("a").to_toml().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        let text = String::from_utf8(text).expect("ASCII");
        if let Err(error) = Scenario::parse("x.toml", &text) {
            prop_assert!(error.problems.iter().all(|problem| problem.place.is_some()), "{}", error);
        }
    }
}

/// The other examples of the library's README are read too, one after the other, where they are not the same keys.
#[test]
fn the_documented_additions_are_read() {
    let readme = include_str!("../../library/README.md");
    let blocks: Vec<&str> =
        readme.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("toml")).collect();
    let begin = "[scenario]\nname = \"a\"\n";
    let additions = ["[congestion]\n", "[nic]\n", "[cluster.host_cable]"];
    let is_addition = |block: &&&str| additions.iter().any(|section| block.contains(section));
    for block in blocks.iter().filter(is_addition).skip(1) {
        Scenario::parse("README.md", &format!("{begin}{block}")).unwrap_or_else(|error| panic!("{error}"));
    }
}

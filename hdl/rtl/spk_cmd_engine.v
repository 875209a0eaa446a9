// SPDX-License-Identifier: Apache-2.0
// Executes the requests of docs/design/link.md strictly in order, one reply for each.
// Reads the oldest frame of the frame store by offset, works on two shift registers (a: address or
// step or value to answer, b: count), puts the reply's payload into the reply buffer, sends it and
// then drops the frame. All that waits for the core ends at a break (break_i, held until flush_o).
// Memory bus: bus_req_o held until bus_ack_i, then low for at least one cycle.
// rst returns to idle with the sequence unknown.
`default_nettype none

module spk_cmd_engine #(
  parameter integer N      = 256,
  parameter integer A      = 256,
  parameter integer L      = 8,
  parameter integer WB     = 8,
  parameter integer D      = 8,
  parameter integer NSEG   = 512,
  parameter integer NPOP   = 16,
  parameter integer WWORDS = 16384
) (
  input  wire        clk,
  input  wire        rst,
  // oldest frame, see spk_packet_fifo
  input  wire        frame_i,
  output wire [ 7:0] offset_o,
  input  wire [ 7:0] byte_i,
  output wire        pop_o,
  // reply, see spk_reply_tx
  output wire        put_o,
  output wire [ 6:0] put_index_o,
  output wire [15:0] put_data_o,
  output wire        start_o,
  output wire [ 7:0] sequence_o,
  output wire [ 7:0] status_o,
  output wire [ 6:0] halfwords_o,
  output wire [ 7:0] expected_o,
  input  wire        sending_i,
  input  wire        tx_idle_i,
  // link
  input  wire        break_i,
  output wire        flush_o,
  output wire        set_baud_o,
  output wire [23:0] increment_o,
  output wire        bad_sequence_o,
  output wire        clear_errors_o,
  output wire        clear_program_o,
  // memory windows and registers
  output wire        bus_req_o,
  output wire        bus_we_o,
  output wire [ 3:0] bus_win_o,
  output wire [23:0] bus_addr_o,
  output wire [15:0] bus_wdata_o,
  input  wire        bus_ack_i,
  input  wire [15:0] bus_rdata_i,
  // core
  input  wire        program_i,
  input  wire [ 4:0] core_status_i,
  input  wire [31:0] next_step_i,
  output wire        run_o,
  output wire [31:0] run_steps_o,
  output wire        stop_o,
  output wire        clear_o,
  output wire [15:0] clear_mask_o,
  // event queue
  output wire [15:0] ev_tdata_o,
  output wire        ev_tvalid_o,
  input  wire        ev_tready_i,
  input  wire [15:0] ev_free_i,
  output wire        ev_lock_o,
  input  wire        ev_locked_i,
  // spike queue
  input  wire [15:0] spk_tdata_i,
  input  wire        spk_tvalid_i,
  output wire        spk_tready_o,
  input  wire [15:0] spk_level_i
);

  `include "spk_core_defs.vh"

  `include "spk_cmd_states.vh"

  // In the frame store a length byte stands in front of the frame.
  localparam integer ARGS = 1 + SPK_HEADER_BYTES;
  localparam integer HEAD = ARGS + SPK_CRC32_REQUEST_MAX;  // behind the longest arguments
  localparam integer WORDS = ARGS + SPK_EVENTS_REQUEST_WORD_AT;  // where WRITE has its data, too
  localparam [7:0] ARGS_AT = ARGS[7:0], HEAD_END = HEAD[7:0], WORDS_AT = WORDS[7:0];
  localparam integer SPIKES_WORDS = SPK_SPIKES_REPLY_MAX / 2;
  localparam [6:0] SPIKES_END = SPIKES_WORDS[6:0];

  wire [ 4:0] state;
  reg  [ 7:0] offset_q;
  reg  [ 7:0] length_q;
  reg  [ 7:0] seq_q;
  reg  [ 7:0] cmd_q;
  wire [31:0] a;
  wire [23:0] b;
  wire        borrow;
  reg  [15:0] word_q;      // word of the frame
  reg  [ 6:0] put_q;       // next halfword of the reply
  reg  [ 1:0] phase_q;     // part of SPIKES; pass over EVENTS; settling time; executed
  wire [ 3:0] status;
  reg         lock_q;
  reg         locked_q;

  wire [ 7:0] code = cmd_q & ~SPK_FENCE[7:0];
  wire        busy = core_status_i[SPK_STATUS_BUSY_BIT];
  wire        running = core_status_i[SPK_STATUS_RUNNING_BIT];
  wire        is_ping = code == SPK_CMD_PING;
  wire        is_write = code == SPK_CMD_WRITE;
  wire        is_argmax = code == SPK_CMD_ARGMAX;
  wire        is_crc = code == SPK_CMD_CRC32;
  wire        is_clear = code == SPK_CMD_CLEAR;
  wire        is_spikes = code == SPK_CMD_SPIKES;
  wire        is_events = code == SPK_CMD_EVENTS;

  // --- verdicts on the request -----------------------------------------------------------------

  wire        execute;
  wire [ 3:0] seq_status;
  wire [ 6:0] kept_size;
  wire        bad_command;
  wire        bad_length;
  wire        bad_window;
  wire        out_of_range;
  wire        read_only;
  wire        needs_idle;
  wire        new_step;
  wire        beyond;
  wire [14:0] marker;
  wire [ 7:0] need;
  wire        scan_busy;
  wire [31:0] scanned;
  wire [ 3:0] refuse;        // own check of the command, 0: none
  wire [ 3:0] refuse_event;  // of the word as event or advance, 0: none

  wire        in_begin = state == BEGIN;
  wire        in_event = state == EV_WORD;
  wire        is_advance = word_q[SPK_MARKER_BIT];
  wire        last_word = offset_q + 8'd1 == length_q;
  wire        second = phase_q[0];  // pass over EVENTS that queues
  wire        no_room = {8'd0, need} > ev_free_i;
  wire        access_ack = state == ACCESS && bus_ack_i;
  wire        spikes_done = b[7:0] == 8'd0 || put_q == SPIKES_END;
  wire        take_spike = spk_tready_o && spk_tvalid_i;
  wire        out_of_order = status == SPK_ST_BAD_SEQUENCE[3:0];
  wire        scanning = is_crc || is_argmax;
  wire        words_end = state == ADVANCE && b == 24'd0;
  wire        settled = phase_q == 2'd3;

  // --- sequence of states ----------------------------------------------------------------------

  spk_cmd_sequencer u_sequencer (
    .clk(clk), .rst(rst), .state_o(state), .status_o(status),
    .frame_i(frame_i), .head_end_i(offset_q == HEAD_END), .args_end_i(offset_q == WORDS_AT),
    .last_word_i(last_word), .command_i(cmd_q), .phase_i(phase_q), .break_i(break_i),
    .execute_i(execute), .seq_status_i(seq_status), .bad_command_i(bad_command),
    .bad_length_i(bad_length), .bad_window_i(bad_window), .out_of_range_i(out_of_range),
    .read_only_i(read_only), .needs_idle_i(needs_idle), .refuse_i(refuse),
    .bus_ack_i(bus_ack_i), .words_end_i(b == 24'd0), .scan_busy_i(scan_busy),
    .last_echo_i(b[0]), .busy_i(busy), .running_i(running), .locked_i(locked_q),
    .advance_i(is_advance), .new_step_i(new_step), .refuse_event_i(refuse_event),
    .no_room_i(no_room), .ev_tready_i(ev_tready_i),
    .spikes_end_i(spikes_done || (!spk_tvalid_i && spk_level_i == 16'd0)),
    .sending_i(sending_i), .tx_idle_i(tx_idle_i)
  );

  // --- data ------------------------------------------------------------------------------------

  // offset of the next byte of the frame; the memory answers one cycle later
  always @(posedge clk) begin
    case (state)
      IDLE: offset_q <= frame_i ? 8'd1 : 8'd0;
      HEADER, WORD0, WORD1, LOAD0: offset_q <= offset_q + 8'd1;
      LOAD: if (offset_q != WORDS_AT) offset_q <= offset_q + 8'd1;
      BEGIN: offset_q <= is_ping || is_events ? ARGS_AT : WORDS_AT;
      EV_NEXT: if (last_word) offset_q <= ARGS_AT;
      SEND: offset_q <= length_q + 8'd1;
      POP, FLUSH: offset_q <= 8'd0;
      default: ;
    endcase
  end

  always @(posedge clk) begin
    locked_q <= ev_locked_i;
    lock_q <= state == LOCK || (lock_q && state != SEND && state != FLUSH);
    if (state == HEADER) {cmd_q, seq_q, length_q} <= {a[7:0], cmd_q, seq_q};
    if (rst) cmd_q <= 8'd0;  // the bus is never unknown, even when idle
    if (in_begin && is_spikes) word_q[7:0] <= a[7:0];
    if (state == WORD1) word_q[7:0] <= byte_i;
    if (state == WORD2) word_q[15:8] <= byte_i;
  end

  always @(posedge clk) begin
    case (state)
      IDLE: phase_q <= 2'd0;
      DONE: phase_q <= 2'd1;  // executed, not answered from the kept reply
      EV_NEXT: if (last_word) phase_q <= 2'd1;
      WAIT: if (!settled) phase_q <= phase_q + 2'd1;
      ADVANCE: if (is_spikes && words_end) phase_q <= 2'd1;
      default: ;
    endcase
    // a kept reply is sent again with its own size, an executed command starts from nothing
    if (state == IDLE) put_q <= kept_size;
    else if (state == FENCE) put_q <= 7'd0;
    else if (put_o) put_q <= put_q + 7'd1;
  end

  spk_sequence u_sequence (
    .clk(clk), .rst(rst), .sequence_i(seq_q), .ping_i(is_ping), .execute_o(execute),
    .status_o(seq_status), .flush_i(flush_o), .done_i(state == DONE), .size_i(put_q),
    .expected_o(expected_o), .kept_size_o(kept_size)
  );

  spk_cmd_operands u_operands (
    .clk(clk), .rst(rst), .code_i(code), .length_i(length_q[7:1]), .byte_i(byte_i),
    .word_i(word_q[14:0]), .next_step_i(next_step_i), .head_i(state == HEADER),
    .range_i(state == CHECK), .ping_i(in_begin && is_ping), .echo_i(state == ECHO),
    .answer_i(state == ANSWER),
    .second_i(second), .taken_i(access_ack), .next_i(state == ADVANCE),
    .spikes_i(is_spikes && words_end), .spike_i(take_spike), .subtract_i(state == LOAD),
    .lane_i(offset_q[1:0]), .start_i(state == LOAD0),
    .add_i(in_event && is_advance && !beyond), .a_o(a), .b_o(b), .borrow_o(borrow)
  );

  spk_cmd_check #(
    .N(N), .L(L), .WB(WB), .D(D), .NSEG(NSEG), .NPOP(NPOP), .WWORDS(WWORDS)
  ) u_check (
    .command_i(cmd_q[6:0]), .length_i(length_q), .a_i(a), .b_i(b),
    .program_i(program_i), .next_step_i(next_step_i),
    .bad_command_o(bad_command), .bad_length_o(bad_length), .bad_window_o(bad_window),
    .out_of_range_o(out_of_range), .read_only_o(read_only), .needs_idle_o(needs_idle),
    .refuse_o(refuse)
  );

  spk_event_check #(
    .A(A)
  ) u_event (
    .clk(clk), .rst(rst), .next_step_i(next_step_i[14:0]),
    .begin_i(state == LOAD0), .distance_i({borrow, a}), .word_i(word_q),
    .accept_i(second ? state == EV_PUSH && ev_tready_i : in_event && !is_advance),
    .keep_i(state == EV_NEXT && last_word && second),
    .forget_i(clear_o && (a[SPK_CLEAR_QUEUES_BIT] || a[SPK_CLEAR_STATE_BIT])),
    .beyond_o(beyond), .refuse_o(refuse_event), .new_step_o(new_step), .marker_o(marker),
    .need_o(need)
  );

  spk_cmd_scan u_scan (
    .clk(clk), .rst(rst), .begin_i(in_begin), .largest_i(is_argmax), .index_i(a[23:8]),
    .data_i(bus_rdata_i), .valid_i(access_ack), .busy_o(scan_busy), .result_o(scanned)
  );

  assign offset_o = offset_q;
  assign pop_o = state == POP;

  assign put_o = state == LOW || state == HIGH || state == ECHO || take_spike ||
                 (access_ack && !is_write && !scanning);
  assign put_index_o = put_q;
  assign put_data_o = state == ACCESS ? bus_rdata_i : state == SPIKES ? spk_tdata_i :
                      state == ECHO ? word_q : state == LOW ? scanned[15:0] : scanned[31:16];
  assign start_o = state == SEND && !sending_i;
  assign sequence_o = seq_q;
  assign status_o = {4'd0, status};
  assign halfwords_o = status == SPK_ST_OK[3:0] ? put_q : {6'd0, out_of_order};

  assign flush_o = state == FLUSH;
  assign set_baud_o = state == BAUD && tx_idle_i;
  assign increment_o = a[23:0];
  assign bad_sequence_o = start_o && out_of_order;
  assign clear_errors_o = clear_o && a[SPK_CLEAR_ERRORS_BIT];
  assign clear_program_o = clear_o && a[SPK_CLEAR_TABLES_BIT];

  assign bus_req_o = state == ACCESS && !scan_busy;
  assign bus_we_o = is_write;
  assign bus_win_o = a[3:0];
  assign bus_addr_o = a[31:8];
  assign bus_wdata_o = word_q;

  assign run_o = in_begin && code == SPK_CMD_RUN && a != 32'd0;
  assign run_steps_o = a;
  assign stop_o = in_begin && code == SPK_CMD_STOP;
  assign clear_o = in_begin && is_clear;
  assign clear_mask_o = a[15:0];

  assign ev_tdata_o = state == EV_MARK ? {1'b1, marker} : word_q;
  assign ev_tvalid_o = state == EV_MARK || state == EV_PUSH;
  // A core stalled on a full queue waits while SPIKES takes words: the reply holds what was there.
  assign ev_lock_o = lock_q || state == SPIKES;
  assign spk_tready_o = state == SPIKES && !spikes_done;

endmodule

`default_nettype wire

// SPDX-License-Identifier: Apache-2.0
// Sequence of states of the command engine, and the status that a request gets. What a state does
// to the data is in spk_cmd_engine; here is only when the next one comes. Each condition holds in
// the state that asks for it. All waiting for the core ends at a break. rst leads to FLUSH.
`default_nettype none

module spk_cmd_sequencer (
  input  wire       clk,
  input  wire       rst,
  output wire [4:0] state_o,        // of spk_cmd_states.vh
  output wire [3:0] status_o,
  // request
  input  wire       frame_i,        // there is one
  input  wire       head_end_i,     // its first bytes are in
  input  wire       args_end_i,     // EVENTS: step is in
  input  wire       last_word_i,    // no word is left in it
  input  wire [7:0] command_i,
  input  wire [1:0] phase_i,        // part of SPIKES; pass over EVENTS; settling time; executed
  input  wire       break_i,
  // verdicts, 0: none
  input  wire       execute_i,
  input  wire [3:0] seq_status_i,
  input  wire       bad_command_i,
  input  wire       bad_length_i,
  input  wire       bad_window_i,
  input  wire       out_of_range_i,
  input  wire       read_only_i,
  input  wire       needs_idle_i,
  input  wire [3:0] refuse_i,
  // memory access
  input  wire       bus_ack_i,
  input  wire       words_end_i,    // no halfword is left to access
  input  wire       scan_busy_i,
  input  wire       last_echo_i,    // PING: its second word
  // core
  input  wire       busy_i,
  input  wire       running_i,
  // events and spikes
  input  wire       locked_i,
  input  wire       advance_i,      // the word is an advance
  input  wire       new_step_i,
  input  wire [3:0] refuse_event_i,
  input  wire       no_room_i,
  input  wire       ev_tready_i,
  input  wire       spikes_end_i,
  // reply
  input  wire       sending_i,
  input  wire       tx_idle_i
);

  `include "spk_core_defs.vh"
  `include "spk_cmd_states.vh"

  reg  [4:0] state_q;
  reg  [3:0] status_q;

  wire [7:0] code = command_i & ~SPK_FENCE[7:0];
  wire       is_ping = code == SPK_CMD_PING;
  wire       is_write = code == SPK_CMD_WRITE;
  wire       is_clear = code == SPK_CMD_CLEAR;
  wire       is_spikes = code == SPK_CMD_SPIKES;
  wire       scanning = code == SPK_CMD_CRC32 || code == SPK_CMD_ARGMAX;
  wire       windowed = code == SPK_CMD_READ || is_write || code == SPK_CMD_CRC32;
  wire       second = phase_i[0];
  wire       settled = phase_i == 2'd3;

  always @(posedge clk) begin
    if (rst) begin
      state_q <= FLUSH;
      status_q <= 4'd0;
    end else begin
      case (state_q)
        IDLE: begin
          status_q <= SPK_ST_OK[3:0];
          if (break_i) state_q <= FLUSH;
          else if (frame_i) state_q <= HEADER;
        end
        HEADER: if (head_end_i) state_q <= SEQUENCE;
        SEQUENCE: begin
          state_q <= execute_i ? FENCE : SEND;
          if (!execute_i) status_q <= seq_status_i;
        end
        FENCE:
        if (break_i) state_q <= FLUSH;
        else if (!command_i[SPK_FENCE_BIT] || !busy_i) state_q <= CHECK;
        CHECK: begin
          state_q <= SEND;
          if (bad_command_i) status_q <= SPK_ST_BAD_COMMAND[3:0];
          else if (bad_length_i) status_q <= SPK_ST_BAD_LENGTH[3:0];
          else if (windowed && bad_window_i) status_q <= SPK_ST_BAD_WINDOW[3:0];
          else state_q <= RANGE;
        end
        RANGE: begin
          state_q <= SEND;
          if (windowed && out_of_range_i) status_q <= SPK_ST_BAD_ADDRESS[3:0];
          else if (is_write && read_only_i) status_q <= SPK_ST_READ_ONLY[3:0];
          else if (needs_idle_i && busy_i) status_q <= SPK_ST_BUSY[3:0];
          else if (refuse_i != 4'd0) status_q <= refuse_i;
          else state_q <= BEGIN;
        end
        BEGIN:
        case (code)
          SPK_CMD_SPIKES: state_q <= ANSWER;
          SPK_CMD_READ, SPK_CMD_CRC32, SPK_CMD_ARGMAX: state_q <= ACCESS;
          SPK_CMD_PING, SPK_CMD_WRITE: state_q <= WORD0;
          SPK_CMD_EVENTS: state_q <= LOCK;
          SPK_CMD_STOP, SPK_CMD_CLEAR: state_q <= WAIT;
          default: state_q <= DONE;
        endcase
        WORD0: state_q <= WORD1;
        WORD1: state_q <= WORD2;
        WORD2: state_q <= is_write ? ACCESS : is_ping ? ECHO : EV_WORD;
        ACCESS: if (bus_ack_i) state_q <= ADVANCE;
        ADVANCE:
        if (break_i && !is_write) state_q <= FLUSH;
        else if (!words_end_i) state_q <= is_write ? WORD0 : ACCESS;
        else if (scanning) state_q <= scan_busy_i ? ADVANCE : LOW;
        else if (is_spikes) state_q <= second ? SPIKES : ANSWER;
        else state_q <= DONE;
        LOCK:
        if (break_i) state_q <= FLUSH;
        else if (locked_i && (running_i || !busy_i)) state_q <= LOAD0;
        LOAD0: state_q <= LOAD;
        LOAD: if (args_end_i) state_q <= EV_NEXT;
        EV_NEXT:
        if (!last_word_i) state_q <= WORD0;
        else if (second) state_q <= ANSWER;
        else if (no_room_i) begin
          state_q <= SEND;
          status_q <= SPK_ST_QUEUE_FULL[3:0];
        end else state_q <= LOAD0;
        EV_WORD: begin
          state_q <= EV_NEXT;
          if (second) begin
            if (!advance_i) state_q <= new_step_i ? EV_MARK : EV_PUSH;
          end else if (refuse_event_i != 4'd0) begin
            state_q <= SEND;
            status_q <= refuse_event_i;
          end
        end
        EV_MARK: if (ev_tready_i) state_q <= EV_PUSH;
        EV_PUSH: if (ev_tready_i) state_q <= EV_NEXT;
        WAIT:
        if (break_i) state_q <= FLUSH;
        else if (settled && !(is_clear ? busy_i : running_i)) state_q <= is_clear ? DONE : ANSWER;
        ECHO: state_q <= last_echo_i ? ANSWER : WORD0;
        ANSWER: state_q <= ACCESS;
        LOW: state_q <= HIGH;
        HIGH: state_q <= DONE;
        SPIKES: if (spikes_end_i) state_q <= DONE;
        DONE: state_q <= SEND;
        SEND: if (!sending_i) state_q <= POP;
        POP: state_q <= SENDING;
        SENDING:
        if (break_i) state_q <= FLUSH;
        else if (!sending_i)
          state_q <= code == SPK_CMD_SET_BAUD && status_q == 4'd0 && phase_i[0] ? BAUD : IDLE;
        BAUD:
        if (break_i) state_q <= FLUSH;
        else if (tx_idle_i) state_q <= IDLE;
        default: state_q <= IDLE;  // FLUSH
      endcase
    end
  end

  assign state_o = state_q;
  assign status_o = status_q;

endmodule

`default_nettype wire

// SPDX-License-Identifier: Apache-2.0
// The two working registers of the command engine, a (32 bits) and b (24 bits). Together they are
// the upper part of the shift register that takes a frame's first bytes in; then
//   window commands   a = window, address; b = halfwords still to go
//   EVENTS            {borrow_o, a} = signed distance of the current step from next_step_i
//   others            a = the argument.
// One input of the group "what to do" is high at a time; each takes one cycle. rst gives window 0.
`default_nettype none

module spk_cmd_operands (
  input  wire        clk,
  input  wire        rst,
  // request
  input  wire [ 7:0] code_i,
  input  wire [ 6:0] length_i,    // of the decoded frame, halfwords
  input  wire [ 7:0] byte_i,
  input  wire [14:0] word_i,
  input  wire [31:0] next_step_i,
  // what to do
  input  wire        head_i,      // shift byte_i in
  input  wire        range_i,     // make b the number of halfwords, whatever the command gave
  input  wire        ping_i,      // count two words
  input  wire        echo_i,      // one word is left
  input  wire        answer_i,    // make it a read of the registers that the reply holds
  input  wire        second_i,    // answer_i of SPIKES: the second read
  input  wire        taken_i,     // a halfword has been accessed
  input  wire        next_i,      // next address
  input  wire        spikes_i,    // b = low byte of word_i
  input  wire        spike_i,     // a spike word has been taken
  input  wire        subtract_i,  // byte lane_i of the step, lowest first, less that of next_step_i
  input  wire [ 1:0] lane_i,
  input  wire        start_i,     // of the subtraction
  input  wire        add_i,       // word_i to the distance
  // registers
  output wire [31:0] a_o,
  output wire [23:0] b_o,
  output wire        borrow_o
);

  `include "spk_core_defs.vh"

  reg  [31:0] a_q;
  reg  [23:0] b_q;
  reg         borrow_q;    // of the subtraction so far, then the sign of the distance
  reg  [ 7:0] answer_at;   // register that a reply holds
  reg  [ 1:0] answer_size; // its halfwords
  wire [16:0] range_size = {1'b0, a_q[31:16]} - {1'b0, a_q[15:0]} + 17'd1;  // of ARGMAX
  wire [ 7:0] next_byte = next_step_i[{lane_i, 3'd0}+:8];
  wire [ 8:0] difference = {1'b0, byte_i} - {1'b0, next_byte} - {8'd0, borrow_q};
  wire [32:0] sum = {1'b0, a_q} + (next_i ? 33'h100 : {18'd0, word_i});

  // Most of what is answered is a register as well.
  always @* begin
    case (code_i)
      SPK_CMD_PING: {answer_at, answer_size} = {SPK_REG_MAGIC[7:0], 2'd3};
      SPK_CMD_EVENTS: {answer_at, answer_size} = {SPK_REG_EV_FREE[7:0], 2'd1};
      default: {answer_at, answer_size} = {SPK_REG_STEP[7:0], 2'd2};
    endcase
    if (code_i == SPK_CMD_SPIKES && !second_i)
      {answer_at, answer_size} = {SPK_REG_STATUS[7:0], 2'd1};
  end

  always @(posedge clk) begin
    if (rst) a_q[7:0] <= 8'd0;
    else if (head_i) a_q <= {b_q[7:0], a_q[31:8]};
    else if (subtract_i) a_q <= {difference[7:0], a_q[31:8]};
    else if (next_i || add_i) a_q <= sum[31:0];
    else if (answer_i) a_q <= {16'd0, answer_at, SPK_WIN_REG};
    else if (range_i && code_i == SPK_CMD_ARGMAX) a_q <= {8'd0, a_q[15:0], SPK_WIN_COUNT};
    if (start_i) borrow_q <= 1'b0;
    else if (subtract_i) borrow_q <= difference[8];
    else if (add_i && sum[32]) borrow_q <= 1'b0;
  end

  always @(posedge clk) begin
    if (head_i) b_q <= {byte_i, b_q[23:8]};
    else if (answer_i) b_q <= {22'd0, answer_size};
    else if (taken_i || spike_i) b_q <= b_q - 24'd1;
    else if (spikes_i) b_q[7:0] <= word_i[7:0];
    else if (ping_i) b_q[0] <= 1'b0;
    else if (echo_i) b_q[0] <= 1'b1;
    else if (range_i) begin
      case (code_i)
        SPK_CMD_READ: b_q[23:8] <= 16'd0;
        SPK_CMD_WRITE: b_q <= {17'd0, length_i - 7'd4};
        SPK_CMD_ARGMAX: b_q <= {{7{range_size[16]}}, range_size};
        default: ;
      endcase
    end
  end

  assign a_o = a_q;
  assign b_o = b_q;
  assign borrow_o = borrow_q;

endmodule

`default_nettype wire
